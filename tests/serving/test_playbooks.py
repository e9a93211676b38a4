"""Every reason leads to something to do, and a file of playbooks is used whole or refused with all its faults."""

from pathlib import Path

import pytest

from features.feature import Reason
from features.segments import Segment
from serving.playbooks import SHIPPED, SHOWN, PlaybookError, load_playbooks

SMALL = Segment("smb", "low", "tech_touch", "adoption")
MIDDLE = Segment("mid_market", "medium", "pooled", "maturity")
LARGE = Segment("enterprise", "high", "high_touch", "maturity")

WHOLE = """
[[playbook]]
id = "call"
code = "P01"
title = "Call them"
outcomes = ["churn"]
reasons = ["value_gap"]
sizes = ["smb"]
tiers = ["high"]
steps = ["Read the page.", "Call.", "Write down what they said."]
owner = "CSM"
due_days = 3
requires_human = true
channel = "human"
success = "They answer."
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "playbooks.toml"
    path.write_text(WHOLE, encoding="utf-8")
    return path


def refusal(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlaybookError) as refused:
        load_playbooks(path)
    return str(refused.value)


def test_every_reason_for_every_kind_of_account_has_a_playbook() -> None:
    assert load_playbooks().uncovered() == []


def test_the_thirty_playbooks_of_the_trade_are_shipped() -> None:
    shipped = load_playbooks()
    assert [row.code for row in shipped] == [f"P{number:02}" for number in range(1, 31)]
    assert all(shipped[row.id] is row and row.id in shipped for row in shipped)
    assert "astrology" not in shipped
    with pytest.raises(KeyError):
        shipped["astrology"]


def test_what_no_playbook_covers_is_named(written: Path) -> None:
    missing = load_playbooks(written).uncovered()
    assert (Reason.VALUE_GAP, "smb", "churn", "high") not in missing
    assert (Reason.VALUE_GAP, "smb", "churn", "low") in missing
    assert (Reason.ROOM_TO_GROW, "enterprise", "expansion", "medium") in missing
    assert (Reason.ROOM_TO_GROW, "enterprise", "expansion", "low") not in missing


def test_a_playbook_for_some_stages_only_leaves_the_others_uncovered(written: Path) -> None:
    text = WHOLE + 'stages = ["onboarding"]\n'
    written.write_text(text, encoding="utf-8")
    assert (Reason.VALUE_GAP, "smb", "churn", "high") in load_playbooks(written).uncovered()


@pytest.mark.parametrize(
    ("reason", "segment", "outcome", "tier", "codes"),
    [
        (Reason.VALUE_GAP, MIDDLE, "churn", "high", ["P10", "P04", "P08"]),
        (Reason.VALUE_GAP, LARGE, "churn", "high", ["P02", "P04", "P08"]),
        (Reason.PRODUCT_ISSUE, LARGE, "churn", "high", ["P07", "P02", "P05"]),
        (Reason.VALUE_GAP, SMALL, "churn", "low", ["P09", "P18", "P12"]),
        (Reason.CHAMPION_TURNOVER, LARGE, "churn", "high", ["P03", "P08", "P23"]),
        (Reason.COMPLIANCE_SECURITY, SMALL, "churn", "medium", ["P05", "P30"]),
        (Reason.BUDGET_PRESSURE, MIDDLE, "churn", "high", ["P10", "P04", "P21"]),
        (Reason.BUDGET_PRESSURE, SMALL, "churn", "high", ["P13", "P21", "P06"]),
        (Reason.ROOM_TO_GROW, MIDDLE, "expansion", "high", ["P14", "P21"]),
        (Reason.ROOM_TO_GROW, MIDDLE, "expansion", "medium", ["P15", "P14", "P21"]),
        (Reason.ROOM_TO_GROW, MIDDLE, "expansion", "low", []),
        (Reason.VALUE_GAP, SMALL, "contraction", "low", []),
        (Reason.CONTEXT, LARGE, "churn", "high", []),
    ],
)
def test_a_reason_is_routed_to_the_narrowest_playbooks(
    reason: Reason, segment: Segment, outcome: str, tier: str, codes: list[str]
) -> None:
    assert [row.code for row in load_playbooks().match(reason, segment, outcome, tier)] == codes


@pytest.mark.parametrize(("renews_in", "there"), [(0, False), (1, True), (180, True), (181, False), (None, False)])
def test_what_is_about_a_renewal_waits_for_it(renews_in: int | None, there: bool) -> None:
    matched = load_playbooks().match(Reason.VALUE_GAP, MIDDLE, "churn", "high", {"days_to_renewal": renews_in})
    assert ("P01" in [row.code for row in matched]) is there


def test_a_stuck_onboarding_is_escalated_first() -> None:
    started = Segment("smb", "low", "tech_touch", "onboarding")
    matched = load_playbooks().match(Reason.VALUE_GAP, started, "churn", "high", {"milestones_open": 2.0})
    assert [row.code for row in matched] == ["P09", "P11", "P13"]
    assert len(matched) <= SHOWN


@pytest.mark.parametrize(
    ("facts", "code", "there"),
    [
        ({"days_to_renewal": 90.0}, "P22", True),
        ({"days_to_renewal": 45.0}, "P22", True),
        ({"days_to_renewal": 44.0}, "P22", False),
        ({"days_to_renewal": 90.0, "renewal_signed": 1.0}, "P22", False),
        ({"days_to_renewal": 90.0, "renewal_signed": float("nan")}, "P22", True),
    ],
)
def test_a_playbook_waits_for_what_it_is_about(facts: dict[str, object], code: str, there: bool) -> None:
    matched = load_playbooks().match(Reason.BUDGET_PRESSURE, MIDDLE, "churn", "low", facts)
    assert (code in [row.code for row in matched]) is there


@pytest.mark.parametrize(
    ("id", "facts", "there"),
    [
        ("success_plan", {}, True),
        ("success_plan", {"success_plan": 1.0}, False),
        ("onboarding_escalation", {}, False),
        ("onboarding_escalation", {"milestones_open": 0.0, "no_first_value": 1.0}, True),
        ("close_the_loop", {"tickets_90d": 0.0, "surveys_answered_180d": 0.0}, False),
        ("close_the_loop", {"tickets_90d": 1.0}, True),
    ],
)
def test_a_playbook_needs_what_it_is_about(id: str, facts: dict[str, object], there: bool) -> None:
    started = Segment("mid_market", "medium", "pooled", "onboarding")
    assert load_playbooks()[id].fits(Reason.VALUE_GAP, started, "churn", "high", facts) is there


def test_a_playbook_that_needs_what_no_row_tells_is_refused(written: Path) -> None:
    for key in ("needs", "unless"):
        assert f"{key}: the catalogue has no row `luck`" in refusal(written, WHOLE + f'{key} = ["luck"]\n')


def test_days_from_which_a_renewal_counts_need_days_until_which_it_does(written: Path) -> None:
    assert "renewal_from_days: says nothing without" in refusal(written, WHOLE + "renewal_from_days = 9\n")


@pytest.mark.parametrize(("kind", "own", "other"), [
    ("motions", "tech_touch", "pooled"), ("stages", "adoption", "maturity"), ("value_tiers", "low", "high"),
])  # fmt: skip
def test_a_playbook_for_some_kinds_of_account_answers_them_alone_and_first(
    written: Path, kind: str, own: str, other: str
) -> None:
    named = WHOLE.replace('"call"', '"named"').replace("P01", "P02")
    for word, found in ((own, ["named", "call"]), (other, ["call"])):
        written.write_text(f'{WHOLE}{named}{kind} = ["{word}"]\n', encoding="utf-8")
        assert [row.id for row in load_playbooks(written).match(Reason.VALUE_GAP, SMALL, "churn", "high")] == found


def test_nothing_is_urgent_for_a_low_tier() -> None:
    """A person is asked within a week only where the risk is more than low; what runs by itself may begin at once."""
    urgent = [
        row.code for row in load_playbooks() if "low" in row.tiers and row.channel == "human" and row.due_days < 7
    ]
    assert urgent == []


def test_an_offer_answers_expansion_alone() -> None:
    assert [row.code for row in load_playbooks() if row.outcomes == ("expansion",)] == ["P14", "P15"]


def test_money_is_given_away_by_people_under_a_limit() -> None:
    concession = load_playbooks()["short_term_concession"]
    assert concession.requires_human
    assert concession.approval is not None
    assert concession.approval.limit_percent["low"] < concession.approval.limit_percent["high"]


def test_a_war_room_has_an_owner_a_rhythm_and_an_end() -> None:
    room = load_playbooks()["war_room"]
    assert room.owner == "Exec"
    assert room.rhythm
    assert room.after


def test_no_automation_runs_what_needs_a_person() -> None:
    assert all(row.channel == "human" for row in load_playbooks() if row.requires_human)


def test_automation_is_refused_where_a_person_is_required(written: Path) -> None:
    assert "requires_human: refused" in refusal(written, WHOLE.replace('channel = "human"', 'channel = "automation"'))


def test_every_fault_is_told_at_once(written: Path) -> None:
    faulty = (
        WHOLE.replace('reasons = ["value_gap"]', 'reasons = ["context", "boredom", "context"]')
        .replace('channel = "human"', 'channel = "automation"\ncolour = "red"')
        .replace("due_days = 3", "due_days = 0")
        .replace('title = "Call them"\n', "")
        .replace('"Call."', "7")
    )
    second = WHOLE.replace('outcomes = ["churn"]', 'outcomes = ["expansion"]')
    third = WHOLE.replace('"call"', '"sell"').replace('outcomes = ["churn"]', "outcomes = []") + (
        'approval = { by = "CFO", limit_percent = { high = 120 }, above = "CEO", why = "x" }\n'
    ).replace("requires_human = true", "requires_human = false")
    told = refusal(written, f"motto = 'go'\n{faulty}{second}{third}")
    for fault in (
        "motto: not known here",
        "id `call`: given more than once",
        "code `P01`: given more than once",
        "playbook call: requires_human: refused",
        "playbook call: reasons: `context` is shown but never acted on",
        "playbook call: reasons: `context` given more than once",
        "playbook call: reasons 2: ",
        "playbook call: colour: ",
        "playbook call: due_days: ",
        "playbook call: title: ",
        "playbook call: steps 2: ",
        "playbook sell: reasons: needed where there are outcomes",
        "playbook sell: approval.limit_percent: expected a limit for each",
        "playbook sell: approval limit_percent high: ",
        "playbook sell: approval why: ",
    ):
        assert fault in told


def test_a_war_room_without_an_end_and_an_unattended_approval_are_refused(written: Path) -> None:
    told = refusal(written, WHOLE.replace("P01", "P07").replace("requires_human = true", "requires_human = false") + (
        'approval = { by = "CFO", limit_percent = { high = 9, medium = 5, low = 1 }, above = "CEO" }\n'
    ))  # fmt: skip
    assert "a war room (P07) needs both" in told
    assert "approval: needs `requires_human = true`" in told


@pytest.mark.parametrize("text", ["", "playbook = 3", "playbook = []", "[[other]]\nid = 'a'", "not toml"])
def test_a_file_without_playbooks_is_refused(written: Path, text: str) -> None:
    assert "expected" in refusal(written, text)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlaybookError, match="found none that can be read"):
        load_playbooks(tmp_path / "none.toml")


def test_the_shipped_file_is_the_default() -> None:
    assert load_playbooks() == load_playbooks(SHIPPED)
