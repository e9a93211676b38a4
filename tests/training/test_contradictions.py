"""Sources that cannot both be right are counted, with the accounts concerned and the cure."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from features.warehouse import Warehouse
from tests.worlds import AS_OF, day, opened, table, world
from training.contradictions import Contradiction, contradictions_in, refusals

SUBSCRIPTIONS = """
    subscription_id | account_id | known_at | starts_on | ends_on | auto_renew | notice_at | ended_on | arr
    s1              | a          | -400d    | -400d     | -100d   | no         |           |          | 1200
    s2              | b          | -400d    | -400d     | -100d   | yes        | -120d     | -100d    | 1200
"""


def by_name(warehouse: Warehouse, as_of: date = AS_OF) -> dict[str, Contradiction]:
    return {found.name: found for found in contradictions_in(warehouse, as_of)}


def test_usage_outside_of_every_term_contradicts_the_contracts(tmp_path: Path) -> None:
    usage = """
        account_id | event_at
        a          | -401d
        a          | -400d
        a          | -200d
        a          | -50d
        b          | -101d
        b          | -50d
    """
    warehouse = opened(world(subscriptions=SUBSCRIPTIONS, usage=usage), tmp_path)
    found = by_name(warehouse)["usage outside subscriptions"]
    assert (found.rows, found.of, found.examples) == (3, 6, ("a", "b"))
    assert refusals([found]) == ["usage on days without a running term: 50% (3 of 6)"]
    warehouse.close()


def test_tickets_before_the_first_term_contradict_the_contracts(tmp_path: Path) -> None:
    tickets = "ticket_id | account_id | event_at\nt1 | a | -401d\nt2 | a | -400d\nt3 | b | -10d"
    warehouse = opened(world(subscriptions=SUBSCRIPTIONS, tickets=tickets), tmp_path)
    found = by_name(warehouse)["tickets before sign-up"]
    assert (found.rows, found.of, found.examples) == (1, 3, ("a",))
    warehouse.close()


def test_a_notice_after_its_term_or_on_one_that_never_ends_contradicts_it(tmp_path: Path) -> None:
    terms = """
        subscription_id | account_id | known_at | starts_on | ends_on | auto_renew | notice_at | ended_on | arr
        fine            | a          | -400d    | -400d     | -100d   | yes        | -120d     | -100d    | 1200
        after its end   | b          | -400d    | -400d     | -100d   | no         | -50d      |          | 1200
        endless         | c          | -400d    | -400d     | -100d   | yes        | -120d     |          | 1200
        before it       | d          | -400d    | -300d     | -100d   | no         | -350d     |          | 1200
        no notice       | e          | -400d    | -300d     |         |            |           |          | 1200
    """
    warehouse = opened(world(subscriptions=terms), tmp_path)
    found = by_name(warehouse)["notice against the term"]
    assert (found.rows, found.of) == (3, 4)
    warehouse.close()


def test_a_notice_whose_end_is_yet_to_come_contradicts_nothing(tmp_path: Path) -> None:
    terms = """
        subscription_id | account_id | known_at | starts_on | ends_on | auto_renew | notice_at | ended_on | arr
        under notice    | a          | -400d    | -340d     | +25d    | yes        | -10d      | +25d     | 1200
        just passed     | b          | -400d    | -395d     | -29d    | yes        | -40d      |          | 1200
    """
    warehouse = opened(world(subscriptions=terms), tmp_path)
    found = by_name(warehouse)["notice against the term"]
    assert (found.rows, found.of) == (0, 2)
    warehouse.close()


def test_a_term_that_was_renewed_and_never_ended_is_counted(tmp_path: Path) -> None:
    terms = """
        subscription_id | account_id | known_at | starts_on | ends_on | auto_renew | ended_on | arr
        renewed         | a          | -800d    | -800d     | -435d   | yes        |          | 1200
        its renewal     | a          | -435d    | -435d     | -70d    | yes        |          | 1300
        ended           | b          | -800d    | -800d     | -435d   | yes        | -435d    | 1200
        its renewal too | b          | -435d    | -435d     | -70d    | yes        |          | 1300
        add-on          | c          | -800d    | -800d     | -435d   | yes        |          | 1200
        of another time | c          | -600d    | -600d     | -235d   | yes        |          | 300
    """
    warehouse = opened(world(subscriptions=terms), tmp_path)
    found = by_name(warehouse)["renewed, yet never ended"]
    assert (found.rows, found.of, found.examples) == (1, 5, ("a",))
    assert found.labels
    warehouse.close()


def test_terms_told_twice_are_counted(tmp_path: Path) -> None:
    terms = """
        subscription_id | account_id | known_at | starts_on | arr  | product
        one             | a          | -400d    | -400d     | 1200 | crm
        the same        | a          | -400d    | -400d     | 1200 | crm
        other product   | a          | -400d    | -400d     | 1200 | desk
        other price     | b          | -400d    | -400d     | 900  | crm
        later           | b          | -300d    | -300d     | 900  | crm
        free            | c          | -300d    | -300d     | 0    | crm
        free as well    | c          | -300d    | -300d     | 0    | crm
    """
    warehouse = opened(world(subscriptions=terms), tmp_path)
    found = by_name(warehouse)["terms told twice"]
    assert (found.rows, found.of, found.examples) == (1, 5, ("a",))
    warehouse.close()


def test_few_contradictions_are_told_and_forgiven() -> None:
    few, many = Contradiction("x", 25, 100, "some rows"), Contradiction("x", 26, 100, "some rows")
    assert refusals([few]) == []
    assert refusals([few, many]) == ["some rows: 26% (26 of 100)"]
    assert Contradiction("x", 0, 0, "no row at all").share == 0.0


def test_only_contradictions_about_who_pays_when_refuse_a_training() -> None:
    assert refusals([Contradiction("x", 100, 100, "some rows", labels=False)]) == []


ENDED = """
    subscription_id | account_id | known_at | starts_on | ended_on | arr | seats | product
    s1              | a          | -400d    | -400d     | -200d    | 100 | 2     | crm
    s2              | b          | -400d    | -400d     |          | 100 | 2     | crm
"""


def test_use_that_goes_on_long_after_the_last_term_denies_its_end(tmp_path: Path) -> None:
    used = ["a | -300d"] + [f"a | -{139 - i}d" for i in range(5)] + ["b | -1d"]
    warehouse = opened(world(subscriptions=ENDED, usage="account_id | event_at\n" + "\n".join(used)), tmp_path)
    found = by_name(warehouse)["usage after churn"]
    assert (found.rows, found.of, found.examples) == (1, 1, ("a",))
    assert "a renewal may be missing" in found.cure
    warehouse.close()


@pytest.mark.parametrize("days", [(140,) * 9, (139, 138, 137, 136)])
def test_use_soon_after_an_end_or_on_few_days_is_an_export(tmp_path: Path, days: tuple[int, ...]) -> None:
    used = "account_id | event_at\n" + "\n".join(f"a | -{day}d" for day in days)
    warehouse = opened(world(subscriptions=ENDED, usage=used), tmp_path)
    found = by_name(warehouse)["usage after churn"]
    assert (found.rows, found.of, found.examples) == (0, 1, ())
    warehouse.close()


TWICE = """
    subscription_id | account_id | known_at | starts_on | ends_on | auto_renew | ended_on | notice_at | arr | product
    replaced        | a          | -400d    | -400d     | -35d    | no         | -200d    |           | 100 | crm
    replacing       | a          | -200d    | -200d     |         | no         |          |           | 120 | crm
    ended           | b          | -400d    | -400d     |         | no         | -200d    |           | 100 | crm
    runs on         | b          | -300d    | -300d     |         | no         |          |           | 100 | crm
    other product   | c          | -400d    | -400d     |         | no         | -200d    |           | 100 | crm
    its neighbour   | c          | -400d    | -400d     |         | no         |          |           | 100 | mail
    under notice    | d          | -400d    | -400d     | -10d    | no         |          | -90d      | 100 | crm
    renewed by whom | d          | -400d    | -400d     |         | no         |          |           | 100 | crm
"""


def test_a_term_that_is_over_while_its_twin_runs_on_contradicts_it(tmp_path: Path) -> None:
    warehouse = opened(world(subscriptions=TWICE), tmp_path)
    found = by_name(warehouse)["churn flag against ARR"]
    assert (found.rows, found.of, found.examples) == (2, 4, ("b", "d"))
    warehouse.close()


def test_more_users_than_five_a_seat_are_somebody_elses(tmp_path: Path) -> None:
    used = [f"b | -1d | u{i}" for i in range(11)] + ["b | -1d |", "a | -40d | u1"]
    usage = "account_id | event_at | user_id\n" + "\n".join(used)
    warehouse = opened(world(subscriptions=ENDED, usage=usage), tmp_path / "many")
    found = by_name(warehouse)["seats used beyond seats paid"]
    assert (found.rows, found.of, found.examples) == (1, 1, ("b",))
    assert not found.labels
    warehouse.close()
    warehouse = opened(world(subscriptions=ENDED, usage=usage.replace("u10", "u9")), tmp_path / "ten")
    assert by_name(warehouse)["seats used beyond seats paid"].rows == 0
    warehouse.close()


def test_bills_while_nothing_is_paid_for_are_counted_but_not_credits(tmp_path: Path) -> None:
    invoices = """
        invoice_id | account_id | event_at | amount | kind
        in advance | a          | -420d    | 10     | subscription
        running    | a          | -300d    | 10     |
        trailing   | a          | -150d    | 10     | overage
        late       | a          | -100d    | 10     | subscription
        credited   | a          | -100d    | 10     | credit
        negative   | a          | -100d    | -10    | subscription
    """
    warehouse = opened(world(accounts="account_id | known_at\na | -500d\nb | -500d", subscriptions=ENDED,
                             invoices=invoices), tmp_path)  # fmt: skip
    found = by_name(warehouse)["invoices without a term"]
    assert (found.rows, found.of, found.examples) == (1, 4, ("a",))
    warehouse.close()


def test_answers_long_after_the_last_term_are_counted(tmp_path: Path) -> None:
    surveys = """
        survey_id | account_id | event_at | answered_at
        q1        | a          | -300d    | -299d
        q2        | a          | -150d    | -150d
        q3        | a          | -200d    | -100d
        q4        | a          | -100d    |
        q5        | b          | -10d     | -9d
    """
    warehouse = opened(world(subscriptions=ENDED, surveys=surveys), tmp_path)
    found = by_name(warehouse)["answers after churn"]
    assert (found.rows, found.of, found.examples) == (1, 4, ("a",))
    warehouse.close()


def test_whoever_answers_though_all_have_left_is_unknown(tmp_path: Path) -> None:
    contacts = """
        contact_id | account_id | event_at | left_at
        c1         | a          | -300d    | -200d
        c2         | a          | -300d    | -100d
        c3         | b          | -300d    | -100d
        c4         | b          | -300d    |
    """
    touchpoints = """
        touchpoint_id | account_id | event_at | two_way
        p1            | a          | -80d     | yes
        p2            | a          | -60d     | no
        p3            | b          | -60d     | yes
    """
    told = world(contacts=contacts, touchpoints=touchpoints)
    warehouse = opened(told, tmp_path / "none")
    assert by_name(warehouse)["everybody left, yet they answer"].rows == 0
    warehouse.close()
    warehouse = opened(world(contacts=contacts, touchpoints=touchpoints.replace("| no", "| yes")), tmp_path / "one")
    found = by_name(warehouse)["everybody left, yet they answer"]
    assert (found.rows, found.of, found.examples) == (1, 2, ("a",))
    warehouse.close()


@pytest.mark.parametrize(("name", "key"), [("touchpoints", "touchpoint_id"), ("surveys", "survey_id")])
def test_rows_of_people_whom_nobody_knows_are_counted(tmp_path: Path, name: str, key: str) -> None:
    contacts = "contact_id | account_id | event_at\n c1 | a | -300d\n c2 | b | -300d"
    rows = f"""
        {key} | account_id | event_at | contact_id
        r1    | a          | -30d     | c1
        r2    | a          | -30d     | c2
        r3    | a          | -30d     |
        r4    | b          | -30d     | 17
    """
    warehouse = opened(world(contacts=contacts) | {name: table(rows)}, tmp_path)
    found = by_name(warehouse)[f"{name} with nobody known"]
    assert (found.rows, found.of, found.examples, found.labels) == (2, 3, ("a", "b"), False)
    assert found.words == f"{name} whose contact_id no contact of the account has"
    warehouse.close()


def test_a_world_of_two_tables_has_nothing_to_contradict(tmp_path: Path) -> None:
    warehouse = opened(world(), tmp_path)
    assert [(found.name, found.rows) for found in contradictions_in(warehouse, AS_OF)] == [("terms told twice", 0)]
    warehouse.close()


def test_every_contradiction_that_is_found_comes_with_a_cure(tmp_path: Path) -> None:
    warehouse = opened(world(subscriptions=TWICE, usage="account_id | event_at\na | -900d"), tmp_path, bad_share=1)
    assert all(found.cure for found in contradictions_in(warehouse, AS_OF))
    warehouse.close()


def test_only_what_was_known_before_the_date_is_held_against_the_tables(tmp_path: Path) -> None:
    """Neither later rows nor an end, a notice, an answer or a leaving learnt later; nor seats used later."""
    terms = """
        subscription_id | account_id | known_at | starts_on | notice_at | ended_on | ended_known_at | arr | seats
        s1              | a          | -400d    | -400d     | -20d      | -200d    | -30d           | 9   | 1
    """
    usage = "account_id | event_at | user_id\n" + "\n".join(f"a | -{9 + i}d | u{i}" for i in range(6))
    usage += "\n" + "\n".join(f"a | -{90 + i}d | u1" for i in range(6))
    surveys = "survey_id | account_id | event_at | score | answered_at\nq | a | -120d | 9 | -40d\nr | a | -9d | 9 |"
    warehouse = opened(world(subscriptions=terms, usage=usage, surveys=surveys), tmp_path)
    now, then = by_name(warehouse), by_name(warehouse, day(50))
    for name, bad, of in (
        ("usage outside subscriptions", 12, 12),
        ("usage after churn", 1, 1),
        ("notice against the term", 1, 1),
        ("seats used beyond seats paid", 0, 0),
        ("answers after churn", 1, 1),
        ("surveys.score without answered_at", 1, 2),
    ):
        assert (now[name].rows, now[name].of) == (bad, of), name
        assert then[name].rows == 0, name
    assert then["usage outside subscriptions"].of == 6
    before = by_name(warehouse, day(30))
    assert before["usage outside subscriptions"].rows == 0
    warehouse.close()


UNDATED = {
    "tickets": "ticket_id | account_id | event_at | rating | rated_at\n t | a | -9d | 1 |\n u | b | -9d | 1 | -8d",
    "surveys": "survey_id | account_id | event_at | score | comment | answered_at\n"
    " q | a | -9d | 9 | great |\n r | b | -9d | 9 | fine | -8d\n s | b | -9d | | |",
    "goals": "goal_id | account_id | event_at | progress | measured_at\n"
    " g | a | -9d | 1.0 |\n h | b | -9d | 0.5 | -8d\n i | b | -9d | 0 |",
    "opportunities": "opportunity_id | account_id | event_at | amount | stage | won | closed_at\n"
    " o | a | -9d | 5 | done | yes |\n p | b | -9d | 5 | done | yes | -8d\n q | b | -9d | 5 | open | no |",
}


def test_a_value_that_nobody_says_when_it_was_learnt_is_told_with_its_cure(tmp_path: Path) -> None:
    """A goal without progress, a talk that is open and a question without an answer have none."""
    warehouse = opened(world(**UNDATED), tmp_path)
    found = by_name(warehouse)
    for name, learnt_at in (
        ("tickets.rating", "rated_at"),
        ("surveys.score", "answered_at"),
        ("surveys.comment", "answered_at"),
        ("goals.progress", "measured_at"),
        ("opportunities.won", "closed_at"),
    ):
        one = found[f"{name} without {learnt_at}"]
        assert (one.rows, one.of, one.examples, one.labels) == (1, 2, ("a",), False), name
        assert one.cure.startswith(f"give {name.split('.')[0]}.{learnt_at} its moment")
    warehouse.close()


def test_values_whose_date_of_learning_is_no_column_are_blind_and_no_contradiction(tmp_path: Path) -> None:
    warehouse = opened(world(tickets="ticket_id | account_id | event_at | rating\n t | a | -9d | 1"), tmp_path)
    assert "tickets.rating without rated_at" not in by_name(warehouse)
    warehouse.close()
