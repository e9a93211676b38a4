"""Scores of record: they add up, they know nothing of the future, and they say only what is known."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from math import exp, log
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.catalogue import CATALOGUE, FAMILIES
from features.cohort import CohortError, cohort, paying
from features.feature import Reason
from features.notes import Note
from features.warehouse import open_warehouse
from serving.drivers import acted_on, drivers
from serving.playbooks import load_playbooks
from serving.score import Driver, Score, driver_document, score_document, scores_frame
from serving.scoring import growth_waits, score, score_row, value_first
from serving.tiers import load_tiers, safer_than
from tests.conftest import LATER, LOADED_ON, UNTIL, Company
from tests.worlds import cut, opened, renamed, together, unlearnt, world, written
from training.model import Model
from training.registry import champion

COLUMNS = [
    "account_id", "as_of", "outcome", "horizon_days", "probability", "tier", "arr", "arr_at_stake", "coverage",
    "model_version", "base", "drivers", "playbooks", "low", "high", "by_renewal", "held_out",
]  # fmt: skip
REASONS = {
    "value_gap", "champion_turnover", "product_issue", "budget_pressure", "compliance_security", "room_to_grow",
    "context",
}  # fmt: skip


@pytest.fixture(scope="module")
def models(company: Company) -> dict[str, Model]:
    found = {name: champion(company.home, name) for name in ("churn", "expansion")}
    return {name: model for name, model in found.items() if model is not None}


@pytest.fixture(scope="module")
def file(company: Company, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The scores file of `UNTIL`, written and read back."""
    path = tmp_path_factory.mktemp("scores") / "scores.parquet"
    scores_frame(company.scorings[UNTIL].ahead()).to_parquet(path, index=False)
    return pd.read_parquet(path)


def test_the_scores_file_has_one_row_an_account_outcome_and_horizon(company: Company, file: pd.DataFrame) -> None:
    assert list(file.columns) == COLUMNS
    assert not file.duplicated(["account_id", "outcome", "horizon_days"]).any()
    assert set(file["outcome"]) == {"churn", "expansion"}
    assert set(file["tier"]) <= {"high", "medium", "low"}
    assert set(file["horizon_days"]) == {30, 60, 90, 180}
    assert (file["as_of"] == pd.Timestamp(UNTIL)).all()
    assert file["coverage"].between(0, 1).all()
    assert file["probability"].between(0, 1, inclusive="neither").all()
    assert len(file) == 2 * 4 * len(company.scorings[UNTIL].briefs)


def test_a_row_of_the_file_is_the_score_of_record_asked_at_its_horizon(company: Company, file: pd.DataFrame) -> None:
    own = {(one.account_id, one.outcome): one for one in company.scorings[UNTIL].scores}
    for _, row in file.iterrows():
        score = own[row["account_id"], row["outcome"]]
        said = score.ahead[row["horizon_days"]]
        assert list(row[["probability", "low", "high"]]) == list(vars(said).values()), "one number, to the last bit"
        assert said.low < said.probability < said.high
        assert (row["tier"], row["playbooks"]) == (score.tier, json.dumps(score.playbooks))
        assert row["arr_at_stake"] == pytest.approx(score.arr_at_stake * said.probability / score.probability)
        if row["horizon_days"] == score.horizon_days:
            assert json.loads(row["drivers"]) == [driver_document(driver) for driver in score.drivers]


def test_no_probability_of_the_file_falls_as_the_horizon_grows(file: pd.DataFrame) -> None:
    for _, rows in file.groupby(["account_id", "outcome"]):
        assert rows["horizon_days"].is_monotonic_increasing
        assert rows["probability"].is_monotonic_increasing


def test_base_and_shares_are_the_log_odds_of_every_row(file: pd.DataFrame) -> None:
    for row in file.itertuples():
        told = json.loads(str(row.drivers))
        total = float(str(row.base)) + sum(driver["share"] for driver in told)
        probability = float(str(row.probability))
        assert abs(total - log(probability / (1 - probability))) < 1e-6


def test_every_contribution_is_in_exactly_one_driver(file: pd.DataFrame, models: dict[str, Model]) -> None:
    for outcome, told in zip(file["outcome"], map(json.loads, file["drivers"]), strict=True):
        features = [name for driver in told for name in driver["features"]]
        assert sorted(features) == sorted(models[outcome].encoding.features)
        assert {driver["reason"] for driver in told} <= REASONS
        assert len({driver["reason"] for driver in told}) == len(told)
        assert [abs(driver["share"]) for driver in told] == sorted(
            (abs(driver["share"]) for driver in told), reverse=True
        )
        for driver in told:
            assert set(driver) == {"reason", "words", "share", "features", "stands_out"}
            assert 0 < driver["stands_out"] < 1
            assert {CATALOGUE[name].reason.value for name in driver["features"]} == {driver["reason"]}


def test_a_drivers_share_is_the_sum_of_its_features_contributions(company: Company, models: dict[str, Model]) -> None:
    scoring = company.scorings[UNTIL]
    for outcome, model in models.items():
        shares, base = model.contributions(model.encoding.matrix(scoring.table))
        for number, brief in list(enumerate(scoring.briefs))[:40]:
            found = brief.score(outcome)
            assert found is not None
            assert found.base == base[number]
            by_name = dict(zip(model.encoding.features, shares[number].tolist(), strict=True))
            for driver in found.drivers:
                assert driver.share == pytest.approx(sum(by_name[name] for name in driver.features), abs=1e-12)


def test_a_probability_is_the_models_own(company: Company, models: dict[str, Model]) -> None:
    scoring = company.scorings[UNTIL]
    for outcome, model in models.items():
        said = [found.probability for found in scoring.scores if found.outcome == outcome]
        assert np.abs(np.array(said) - model.predict(scoring.table)).max() < 1e-12


def test_nothing_known_or_learnt_at_or_after_the_day_moves_a_score_by_a_bit(
    company: Company, models: dict[str, Model], file: pd.DataFrame, tmp_path: Path
) -> None:
    tables = {path.stem: pd.read_parquet(path) for path in company.folder.glob("*.parquet")}
    before = unlearnt(cut(tables, UNTIL), UNTIL)
    assert sum(map(len, before.values())) < sum(map(len, tables.values()))
    written({name: rows for name, rows in before.items() if len(rows)}, tmp_path / "cut")
    warehouse = open_warehouse(str(tmp_path / "cut"), loaded_on=LOADED_ON)
    again = score(warehouse, UNTIL, list(models.values()), load_playbooks(), load_tiers())
    warehouse.close()
    path = tmp_path / "scores.parquet"
    scores_frame(again.ahead()).to_parquet(path, index=False)
    pd.testing.assert_frame_equal(pd.read_parquet(path), file, check_exact=True)
    assert again.briefs == company.scorings[UNTIL].briefs
    assert again.noticed == company.scorings[UNTIL].noticed


def test_accounts_that_gave_notice_are_counted_and_not_scored(company: Company) -> None:
    warehouse = open_warehouse(str(company.folder), loaded_on=LOADED_ON)
    for day, scoring in company.scorings.items():
        accounts = paying(warehouse, day)
        noticed = accounts[accounts["notice"]]
        assert len(noticed) > 0, day
        assert list(scoring.noticed) == list(noticed["account_id"])
        assert scoring.noticed_arr == noticed["arr"].sum()
        assert [brief.account_id for brief in scoring.briefs] == list(cohort(warehouse, day)["account_id"])
        assert not {found.account_id for found in scoring.scores} & set(scoring.noticed)
    warehouse.close()


def test_an_offer_to_grow_is_withheld_where_churn_is_likely(company: Company) -> None:
    briefs = [brief for scoring in company.scorings.values() for brief in scoring.briefs]
    pairs = [(brief.score("churn"), brief.score("expansion")) for brief in briefs]
    withheld = [growing for churn, growing in pairs if churn and growing and churn.tier == "high"]
    offered = [growing for churn, growing in pairs if churn and growing and churn.tier != "high"]
    assert withheld
    assert all(growing.playbooks == () for growing in withheld)
    assert any(growing.playbooks for growing in offered)


def test_an_offer_to_grow_is_withheld_until_value_is_realised(company: Company) -> None:
    briefs = [brief for scoring in company.scorings.values() for brief in scoring.briefs if not brief.growth_waits]
    offered = next(brief for brief in briefs if (growing := brief.score("expansion")) and growing.playbooks)
    assert value_first(offered, {"no_first_value": 0.0}) == value_first(offered, {}) == offered
    talking = value_first(offered, {"no_first_value": 0.0, "expansion_talks_open": 1.0})
    assert talking.growth_waits.startswith("A talk about growth is open already")
    assert [one.playbooks for one in talking.scores if one.outcome == "expansion"] == [()]
    cut = tuple(
        replace(one, outcome="contraction", tier="medium") for one in offered.scores if one.outcome == "expansion"
    )
    waiting = value_first(replace(offered, scores=offered.scores + cut), {"no_first_value": 1.0})
    assert waiting.growth_waits.startswith("No feature that bears the value")
    assert [one.playbooks for one in waiting.scores if one.outcome == "expansion"] == [()]
    assert waiting.score("churn") == offered.score("churn")
    assert waiting.score("contraction") == cut[0], "what keeps an account is not withheld"


@pytest.mark.parametrize(
    ("tiers", "unused", "why"),
    [
        ({"churn": "high", "contraction": "high"}, 1.0, "Churn risk is high"),
        ({"churn": "medium", "contraction": "high"}, 1.0, "A cut is likely"),
        ({"churn": "medium", "contraction": "medium"}, 1.0, "No feature that bears the value"),
        ({"churn": "medium", "expansion": "high"}, 0.0, ""),
        ({}, None, ""),
    ],
)
def test_growth_waits_for_the_gravest_of_what_stands_before_it(
    tiers: dict[str, str], unused: float | None, why: str
) -> None:
    found = growth_waits(tiers, {"no_first_value": unused})
    assert found.startswith(why)
    assert bool(found) == bool(why)


def test_playbooks_answer_a_reason_that_raises_the_chance(company: Company) -> None:
    playbooks = load_playbooks()
    for found in company.scorings[LATER].scores:
        most = 1 if found.outcome == "expansion" or found.tier == "low" else 3
        assert len(found.playbooks) <= most, "one offer to grow at a time, one step against a low risk"
        assert len(set(found.playbooks)) == len(found.playbooks)
        raising = {driver.reason for driver in acted_on(found.drivers, found.outcome)}
        for id in found.playbooks:
            assert set(playbooks[id].reasons) & raising
            assert found.outcome in playbooks[id].outcomes
            assert found.tier in playbooks[id].tiers


def test_words_never_show_a_machines_nothing(company: Company) -> None:
    for scoring in company.scorings.values():
        for found in scoring.scores:
            for driver in found.drivers:
                assert driver.words.strip()
                for nothing in ("nan", "none", "nat", "<na>", "null", "inf"):
                    assert nothing not in driver.words.lower().replace("-", " ").split(), driver.words
                assert "{" not in driver.words


def test_money_at_stake_is_a_probable_loss_or_gain(company: Company, models: dict[str, Model]) -> None:
    for found in company.scorings[UNTIL].scores:
        change = 1.0 if found.outcome == "churn" else abs(models[found.outcome].growth)
        assert found.arr_at_stake == pytest.approx(found.probability * found.arr * change)
        assert found.arr > 0


@pytest.mark.parametrize(("outcome", "arr"), [("churn", 1000), ("contraction", 300)])
def test_of_an_account_that_leaves_all_is_at_stake_and_of_one_that_shrinks_a_part(
    models: dict[str, Model], outcome: str, arr: float
) -> None:
    found = row_score(replace(models["churn"], outcome=outcome, growth=-0.3), arr=1000.0)
    assert found.arr_at_stake == pytest.approx(found.probability * arr)


def test_health_falls_as_the_risk_of_churn_rises(company: Company) -> None:
    spread = {one.model.outcome: one.model.spread for one in company.trained.values() if one.model}["churn"]
    briefs = company.scorings[UNTIL].briefs
    risks = [score.probability for brief in briefs if (score := brief.score("churn"))]
    for brief, risk in zip(briefs, risks, strict=True):
        assert brief.health is not None
        assert abs(brief.health - 100 * np.mean(np.array(spread) > risk)) <= 1, "accounts likelier to leave, of 100"
        assert brief.name
        assert brief.owner


def test_an_account_of_which_only_the_contract_is_known_is_scored_and_called_blind(
    models: dict[str, Model], tmp_path: Path
) -> None:
    warehouse = opened(world(), tmp_path)
    found = score(warehouse, UNTIL, [models["expansion"], models["churn"]], load_playbooks(), load_tiers())
    warehouse.close()
    (brief,) = found.briefs
    churn = next(one for one in brief.scores if one.outcome == "churn")
    assert brief.health == safer_than(churn.probability, models["churn"])
    assert brief.name == "a", "an account without a name goes by its id"
    assert brief.coverage < 0.5
    assert {"usage", "support", "sentiment"} <= set(brief.blind)
    assert len(brief.scores) == 2
    for one in brief.scores:
        assert 0 < one.probability < 1
        assert "nan" not in " ".join(driver.words for driver in one.drivers)


def test_a_day_without_anybody_to_score_is_refused(models: dict[str, Model], tmp_path: Path) -> None:
    told = world(subscriptions="""
        subscription_id | account_id | known_at | starts_on | auto_renew | notice_at | arr
        s1              | a          | -400d    | -400d     | yes        | -20d      | 1200
    """)  # fmt: skip
    warehouse = opened(told, tmp_path)
    with pytest.raises(CohortError, match="no account was paying without notice on 2026-10-01"):
        score(warehouse, UNTIL, list(models.values()), load_playbooks(), load_tiers())
    warehouse.close()


@pytest.mark.slow
def test_other_accounts_move_no_score(company: Company, models: dict[str, Model], tmp_path: Path) -> None:
    some = {brief.account_id for brief in company.scorings[UNTIL].briefs[:12]}
    tables = {path.stem: pd.read_parquet(path) for path in company.folder.glob("*.parquet")}
    few = {name: rows[rows["account_id"].isin(some)] for name, rows in tables.items()}
    warehouse = opened(together(few, renamed(few, "/twin")), tmp_path, loaded_on=LOADED_ON)
    found = score(warehouse, UNTIL, list(models.values()), load_playbooks(), load_tiers())
    warehouse.close()
    by_id = {(one.account_id, one.outcome): one for one in company.scorings[UNTIL].scores}
    assert len(found.scores) == 2 * 2 * len(some)
    for one in found.scores:
        plain = one.account_id.removesuffix("/twin")
        assert replace(one, account_id=plain) == by_id[plain, one.outcome]


def row_score(model: Model, **row: object) -> Score:
    answers = model.answers(model.encoding.row_matrix([row]), threads=1)
    return score_row(model, answers, 0, dict(row), load_playbooks(), load_tiers(), as_of=UNTIL, coverage=0.0)


def test_the_interval_of_a_row_is_that_of_its_segment(models: dict[str, Model]) -> None:
    model = models["churn"]
    model = replace(model, line=replace(model.line, segments={"smb": 0.8}, doubt=(0.1, 0.03, 0.02)))
    found = row_score(model, segment="smb")
    log_odds = log(found.probability / (1 - found.probability))
    own, pooled = (model.interval(log_odds, name, model.horizon_days) for name in ("smb", None))
    assert (found.low, found.high) == pytest.approx(own)
    assert own != pytest.approx(pooled)


def test_a_row_of_nothing_is_scored(models: dict[str, Model]) -> None:
    found = row_score(models["churn"])
    total = found.base + sum(driver.share for driver in found.drivers)
    assert found.probability == 1 / (1 + exp(-total))
    assert found.arr == 0.0
    assert score_document(found)["as_of"] == "2026-10-01"


def test_no_driver_says_the_same_twice(company: Company) -> None:
    for found in company.scorings[UNTIL].scores[:100]:
        for driver in found.drivers:
            sentences = driver.words.split("; ")
            assert len(sentences) == len(set(sentences)), driver.words


def told_of(model: Model, row: dict[str, object], *names: str) -> str:
    """The words of a driver that rests on these features alone."""
    pulls = np.array([0.9 - names.index(name) / 10 if name in names else 0.0 for name in model.encoding.features])
    stands_out = dict.fromkeys(Reason, 0.5)
    found = {driver.reason: driver.words for driver in drivers(model, pulls, stands_out, row)}
    return found[CATALOGUE[names[0]].reason]


@pytest.mark.parametrize(
    ("name", "value", "typical", "said"),
    [
        ("events_per_user_28d", 12.5, 34.0, "12.5 product events per active user in four weeks (usual elsewhere: 34)"),
        ("events_per_user_28d", 12.5, 12.52, "12.5 product events per active user in four weeks"),
        ("events_per_user_28d", 12.5, None, "12.5 product events per active user in four weeks"),
        ("events_per_user_28d", None, 34.0, "Product events per monthly active user: not known"),
        ("days_since_use", 9.0, 1.0, "Last use was 9 days ago (usual elsewhere: 1 day)"),
        ("events_change_4w", -0.5, 0.1, "Use in the last week was 50\N{NO-BREAK SPACE}% below the month's pace"),
        ("employees", 40.0, 90.0, "The company has 40 employees"),
    ],
)
def test_a_level_is_told_with_what_is_usual_and_a_comparison_without(
    models: dict[str, Model], name: str, value: float | None, typical: float | None, said: str
) -> None:
    known = {} if typical is None else {name: typical}
    model = replace(models["churn"], typical=known)
    assert name in model.encoding.features
    assert told_of(model, {name: value}, name) == said


def test_a_second_sentence_begins_small_unless_with_an_abbreviation(models: dict[str, Model]) -> None:
    row: dict[str, object] = {"employees": 40.0, "arr_per_seat": 1394.0, "arr": 9000.0}
    model = replace(models["churn"], typical={})
    assert told_of(model, row, "employees", "arr_per_seat") == "The company has 40 employees; a seat costs 1,394 a year"
    assert told_of(model, row, "employees", "arr") == "The company has 40 employees; ARR is 9,000"


@pytest.mark.parametrize(
    ("quota", "seats", "said"),
    [
        (0.1, 0.4, "; "),
        (0.6, 0.4, "4 people used"),  # much of a quota in use is no lack of growth
        (0.3, 0.4, "4 people used"),  # nor is as much as is usual
    ],
)
def test_a_second_sentence_does_not_argue_against_its_driver(
    models: dict[str, Model], quota: float, seats: float, said: str
) -> None:
    row: dict[str, object] = {"quota_peak_168d": quota, "seat_use": seats, "active_users_28d": 4.0, "seats": 10.0}
    model = replace(models["churn"], typical={"quota_peak_168d": 0.3, "seat_use": 0.6})
    told = told_of(model, row, "quota_peak_168d", "seat_use")
    assert told.startswith(said) or (said == "; " and said in told)
    assert ("; " in told) is (said == "; ")


def test_a_driver_without_any_pull_says_that_nothing_stands_out(models: dict[str, Model]) -> None:
    model = models["churn"]
    count = len(model.encoding.features)
    typical = {reason: float(found[0]) for reason, found in model.stands_out(np.full((1, count), np.nan)).items()}
    found = drivers(model, np.zeros(count), typical, {})
    assert {driver.words for driver in found} == {"No single signal stands out"}
    assert not acted_on(found, "churn")


def test_context_is_shown_and_never_acted_on(company: Company) -> None:
    context = [
        driver
        for found in company.scorings[UNTIL].scores
        for driver in found.drivers
        if driver.reason is Reason.CONTEXT and driver.share > 0
    ]
    assert context
    assert not acted_on(context, "churn")


def test_steps_of_an_onboarding_are_told_by_name_while_one_is_open(company: Company) -> None:
    briefs = [(day, brief) for day, scoring in company.scorings.items() for brief in scoring.briefs]
    told = [(day, brief) for day, brief in briefs if brief.milestones]
    assert 0 < len(told) < len(briefs)
    for day, brief in told:
        assert any(step.reached_on is None for step in brief.milestones)
        assert all(step.reached_on is None or step.reached_on < day for step in brief.milestones)
    for scoring in company.scorings.values():
        open_steps = dict(zip(scoring.table["account_id"], scoring.table["milestones_open"], strict=True))
        counted = {
            brief.account_id: sum(step.reached_on is None for step in brief.milestones) for brief in scoring.briefs
        }
        assert counted == open_steps


def test_what_stands_behind_a_number_is_told_with_its_author_and_day(company: Company) -> None:
    for day, scoring in company.scorings.items():
        facts = scoring.table.set_index("account_id")
        by_feature: dict[str, list[tuple[str, Note]]] = {}
        for brief in scoring.briefs:
            for note in brief.notes:
                by_feature.setdefault(note.feature, []).append((brief.account_id, note))
                assert note.on < day
        rated = {account: float(note.said) for account, note in by_feature["pulse_last"]}
        assert rated == facts["pulse_last"].dropna().to_dict()
        assert all(note.author for _, note in by_feature["pulse_last"])
        stopped = Counter(account for account, _ in by_feature["critical_features_stopped"])
        counted = facts["critical_features_stopped"]
        assert stopped == Counter(counted[counted > 0].astype(int).to_dict())


def test_families_of_which_nothing_is_known_are_those_that_coverage_lacks(company: Company) -> None:
    """An account with a contract alone has no tickets and no use: that is 0 in many a column, and is not known."""
    briefs = company.scorings[LATER].briefs
    for brief in briefs:
        assert brief.coverage == pytest.approx(1 - len(brief.blind) / len(FAMILIES))
        assert "commercial" not in brief.blind
    assert any(brief.blind for brief in briefs)


def test_room_to_grow_is_no_reason_to_leave() -> None:
    found = [
        Driver(Reason.ROOM_TO_GROW, "", 0.5, (), 0.9),
        Driver(Reason.VALUE_GAP, "", 0.2, (), 0.1),
        Driver(Reason.BUDGET_PRESSURE, "", 0.1, (), 0.6),
        Driver(Reason.PRODUCT_ISSUE, "", -0.1, (), 0.8),
    ]
    by = {outcome: [driver.reason.value for driver in acted_on(found, outcome)] for outcome in ("churn", "expansion")}
    assert by["churn"] == ["budget_pressure", "value_gap", "room_to_grow"]
    assert by["expansion"] == ["room_to_grow", "budget_pressure", "value_gap"]
