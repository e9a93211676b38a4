"""An audit says what contradicts itself, what knows too much, what fell silent, and whether it is enough."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.catalogue import CATALOGUE, FAMILIES
from features.feature import Unit
from features.warehouse import Warehouse, open_warehouse
from tests.conftest import LOADED_ON, UNTIL, Company
from tests.worlds import AS_OF, opened, world
from training.audit import Audit, Contradiction, audit, contradictions_in, leaks_in, refusals

SUBSCRIPTIONS = """
    subscription_id | account_id | known_at | starts_on | ends_on | auto_renew | notice_at | ended_on | arr
    s1              | a          | -400d    | -400d     | -100d   | no         |           |          | 1200
    s2              | b          | -400d    | -400d     | -100d   | yes        | -120d     | -100d    | 1200
"""


def by_name(warehouse: Warehouse) -> dict[str, Contradiction]:
    return {found.name: found for found in contradictions_in(warehouse)}


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
    assert (found.rows, found.of) == (3, 6)
    assert refusals([found]) == ["usage on days without a running term: 50% (3 of 6)"]
    warehouse.close()


def test_tickets_before_the_first_term_contradict_the_contracts(tmp_path: Path) -> None:
    tickets = "ticket_id | account_id | event_at\nt1 | a | -401d\nt2 | a | -400d\nt3 | b | -10d"
    warehouse = opened(world(subscriptions=SUBSCRIPTIONS, tickets=tickets), tmp_path)
    found = by_name(warehouse)["tickets before sign-up"]
    assert (found.rows, found.of) == (1, 3)
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


def test_few_contradictions_are_told_and_forgiven() -> None:
    few, many = Contradiction("x", 25, 100, "some rows"), Contradiction("x", 26, 100, "some rows")
    assert refusals([few]) == []
    assert refusals([few, many]) == ["some rows: 26% (26 of 100)"]
    assert Contradiction("x", 0, 0, "no row at all").share == 0.0


def test_a_feature_that_knows_the_outcome_is_suspected(company: Company) -> None:
    frame = company.data.frame
    honest = leaks_in(company.data)
    random = np.random.default_rng(0)
    known_after, absent_after, category = [
        next(name for name, one in CATALOGUE.items() if (one.unit is Unit.CATEGORY) is words and name not in taken)
        for words, taken in ((False, ()), (False, (next(iter(CATALOGUE)),)), (True, ()))
    ]
    leaking = frame.copy()
    leaking[known_after] = frame["churn"].astype(float) + random.normal(0, 0.01, len(frame))
    leaking[absent_after] = np.where(frame["churn"].astype(bool), np.nan, random.normal(0, 1, len(frame)))
    leaking[category] = frame["churn"].map({True: None, False: "here"})
    planted = {leak.feature: leak for leak in leaks_in(replace(company.data, frame=leaking)) if leak.outcome == "churn"}
    assert {known_after, absent_after, category} <= set(planted) - {leak.feature for leak in honest}
    assert "alone ranks churn with ROC-AUC 1.000" in planted[known_after].words
    assert "is known 100% less often where churn followed" in planted[absent_after].words
    assert CATALOGUE[known_after].source in planted[known_after].words


def test_an_honest_company_leaks_neither_churn_nor_expansion(company: Company) -> None:
    assert [leak for leak in leaks_in(company.data) if leak.outcome != "contraction"] == []


def test_a_tiny_company_is_not_enough_to_learn_from(tmp_path: Path) -> None:
    warehouse = opened(world(), tmp_path)
    found = audit(warehouse, AS_OF)
    assert found.rows > 0
    assert found.outcomes == {"churn": 0, "contraction": 0, "expansion": 0}
    (why,) = found.unusable
    assert "not enough to say: about 0 x churn" in why
    assert "at least 40 of one outcome" in why
    assert "usage" in found.blind_tables
    assert found.coverage["usage"]["accounts_with_data"] == 0.0
    assert len(found.coverage["usage"]["blind_features"]) > 0
    warehouse.close()


def test_a_short_history_is_not_enough_to_learn_from(tmp_path: Path) -> None:
    warehouse = opened(world(), tmp_path)
    found = audit(warehouse, AS_OF, horizon_days=400)
    assert "not enough history" in found.unusable[0]
    assert found.rows == 0
    assert found.outcomes == {}
    assert json.dumps(found.document())
    warehouse.close()


def test_a_table_that_fell_silent_is_stale(tmp_path: Path) -> None:
    told = world(
        usage="account_id | event_at\na | -200d\na | -3d",
        tickets="ticket_id | account_id | event_at\nt1 | a | -200d",
    )
    warehouse = opened(told, tmp_path)
    (stale,) = audit(warehouse, AS_OF).stale
    assert stale.startswith("tickets: nothing new since 2025-11-13")
    warehouse.close()


def test_bad_rows_are_counted_by_rule_with_an_example(tmp_path: Path) -> None:
    usage = (
        "account_id | event_at | quantity\n" + "a | -20d | 1\n" * 30 + "a | -20d | -4\na | not a day | 1\nx | -20d | 1"
    )
    warehouse = opened(world(usage=usage, accounts="account_id | known_at\na | -400d", subscriptions="""
        subscription_id | account_id | known_at | starts_on | arr
        s1 | a | -400d | -400d | 1200
    """), tmp_path)  # fmt: skip
    found = {(row["table"], row["column"], row["rule"]): row for row in audit(warehouse, AS_OF).quarantine}
    assert {column for _, column, _ in found} == {"quantity", "event_at", "account_id"}
    assert found["usage", "quantity", "below 0"]["example"] in ("-4", "-4.0")
    assert all(row["rows"] == 1 for row in found.values())
    warehouse.close()


@pytest.fixture(scope="module")
def whole(company: Company) -> Audit:
    warehouse = open_warehouse(str(company.folder), loaded_on=LOADED_ON)
    found = audit(warehouse, UNTIL)
    warehouse.close()
    return found


@pytest.mark.slow
def test_a_sound_company_is_usable(whole: Audit) -> None:
    assert whole.unusable == ()
    assert whole.blind_tables == ()
    assert whole.stale == ()
    assert set(whole.coverage) == set(FAMILIES)
    assert all(row["accounts_with_data"] > 0.5 for row in whole.coverage.values())
    assert {found.name for found in whole.contradictions} == {
        "usage outside subscriptions", "tickets before sign-up", "notice against the term",
    }  # fmt: skip


@pytest.mark.slow
def test_outcomes_are_estimated_from_a_sample_of_dates(company: Company, whole: Audit) -> None:
    for name, said in whole.outcomes.items():
        assert said == pytest.approx(company.data.frame[name].sum(), rel=0.5), name
    assert whole.rows == pytest.approx(len(company.data.frame), rel=0.1)


@pytest.mark.slow
def test_an_audit_is_plain_json(whole: Audit) -> None:
    document = json.loads(json.dumps(whole.document()))
    assert document["as_of"] == "2026-10-01"
    assert all(0 <= found["share"] <= 1 for found in document["contradictions"])
