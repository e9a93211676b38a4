"""What became of an account: churn, contraction, expansion, or nothing that can be said yet."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from features.revenue import GRACE_DAYS
from tests.worlds import AS_OF, day, opened, spine_of, table, world
from training.outcomes import OUTCOMES, OutcomeError, label, last_matured, lost_at_renewal, outcome_named

HORIZON = 90
UNTIL = AS_OF + timedelta(days=365)
HEADER = "subscription_id | account_id | known_at | starts_on | ends_on | arr | auto_renew | ended_on | ended_known_at"


def labelled(rows: str, folder: Path, until: date = UNTIL) -> dict[str, object]:
    """The labels of account `a` on `AS_OF`, of terms written one a line."""
    keyed = "\n".join(f"{i} | {row}" for i, row in enumerate(rows.strip().splitlines()))
    terms = table(f"{HEADER}\n{keyed}")
    warehouse = opened(world(accounts="account_id | known_at\n a | -900d") | {"subscriptions": terms}, folder)
    found = label(warehouse, spine_of(["a"], AS_OF), HORIZON, until)
    assert len(found) == 1
    return {str(name): None if pd.isna(value) else value for name, value in found.iloc[0].items()}


def happened(rows: str, folder: Path, until: date = UNTIL) -> set[str]:
    """The outcomes that came true."""
    told = labelled(rows, folder, until)
    assert told["matured"] is True or told["matured"] == 1
    assert all(told[name] is not None for name in OUTCOMES)
    return {name for name in OUTCOMES if told[name]}


@pytest.mark.parametrize(
    ("stop", "expected"),
    [("+1d", {"churn"}), ("+90d", {"churn"}), ("+91d", set())],
)
def test_who_stops_within_the_horizon_churns(tmp_path: Path, stop: str, expected: set[str]) -> None:
    assert happened(f"a | -400d | -400d | | 100 | yes | {stop} |", tmp_path) == expected


@pytest.mark.parametrize(("pause", "expected"), [(GRACE_DAYS, set()), (GRACE_DAYS + 1, {"churn"})])
def test_a_late_signature_is_no_churn_but_a_win_back_after_the_grace_period_is_one(
    tmp_path: Path, pause: int, expected: set[str]
) -> None:
    rows = f"a | -400d | -400d | +40d | 100 | no | |\na | +{40 + pause}d | +{40 + pause}d | | 100 | yes | |"
    assert happened(rows, tmp_path) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("1018.20", "1069.11", {"expansion"}),
        ("1018.20", "1069.10", set()),
        ("1069.20", "1015.74", {"contraction"}),
        ("1069.20", "1015.75", set()),
        ("1110.00", "1165.50", {"expansion"}),
        ("1110.00", "1054.50", {"contraction"}),
    ],
)
def test_a_change_of_exactly_five_percent_is_one_to_the_cent(
    tmp_path: Path, before: str, after: str, expected: set[str]
) -> None:
    rows = f"a | -400d | -400d | +40d | {before} | no | |\na | +40d | +40d | | {after} | yes | |"
    assert happened(rows, tmp_path) == expected


def test_the_arr_of_a_late_signature_speaks_for_a_pause_at_the_horizon(tmp_path: Path) -> None:
    rows = "a | -400d | -400d | +80d | 100 | no | |\na | +95d | +95d | | 50 | yes | |"
    assert happened(rows, tmp_path) == {"contraction"}
    assert labelled(rows, tmp_path / "again")["arr_after"] == 50


@pytest.mark.parametrize(
    ("arr", "expected"),
    [
        (94, {"contraction"}),
        (95, {"contraction"}),
        (96, set()),
        (100, set()),
        (104, set()),
        (105, {"expansion"}),
        (106, {"expansion"}),
    ],
)
def test_a_change_of_five_percent_counts(tmp_path: Path, arr: float, expected: set[str]) -> None:
    rows = f"a | -400d | -400d | | 100 | yes | +30d | +30d\na | +30d | +30d | | {arr} | yes | |"
    assert happened(rows, tmp_path) == expected


def test_an_upgrade_on_the_day_the_old_term_ends_is_an_expansion_and_no_churn(tmp_path: Path) -> None:
    rows = "a | -400d | -400d | +30d | 100 | no | |\na | +25d | +30d | | 200 | yes | |"
    assert happened(rows, tmp_path) == {"expansion"}


def test_losing_one_of_two_products_is_a_contraction(tmp_path: Path) -> None:
    rows = "a | -400d | -400d | | 100 | yes | +30d |\na | -400d | -400d | | 100 | yes | |"
    told = labelled(rows, tmp_path)
    assert (told["churn"], told["contraction"], told["arr_before"], told["arr_after"]) == (False, True, 200, 100)


def test_one_product_in_place_of_another_is_no_outcome(tmp_path: Path) -> None:
    rows = (
        "a | -400d | -400d | +30d | 100 | no | |\na | +20d | +30d | | 103 | yes | |\na | -90d | -90d | | 50 | yes | |"
    )
    assert happened(rows, tmp_path) == set()


def test_an_account_that_is_merged_into_another_is_no_churn_where_its_terms_follow(tmp_path: Path) -> None:
    """Its terms go on under the id that survives; where nobody says so, its own end is all that can be seen."""
    own = "a | -400d | -400d | | 100 | yes | +30d | +30d"
    assert happened(f"{own}\na | +30d | +30d | | 100 | yes | |", tmp_path) == set()
    assert happened(f"{own}\na | +30d | +30d | | 250 | yes | |", tmp_path / "larger") == {"expansion"}
    assert happened(own, tmp_path / "alone") == {"churn"}


def test_who_churned_and_came_back_larger_did_not_expand(tmp_path: Path) -> None:
    rows = "a | -400d | -400d | +10d | 100 | no | |\na | +60d | +60d | | 300 | yes | |"
    assert happened(rows, tmp_path) == {"churn"}


def test_who_had_stopped_before_without_anybody_knowing_is_gone_and_unlabelled(tmp_path: Path) -> None:
    told = labelled("a | -400d | -400d | | 100 | yes | -5d | +5d", tmp_path)
    assert told["gone"]
    assert [told[name] for name in OUTCOMES] == [None, None, None]


def test_an_account_without_any_term_is_gone(tmp_path: Path) -> None:
    warehouse = opened(world(), tmp_path)
    assert label(warehouse, spine_of(["nobody"], AS_OF), HORIZON, UNTIL)["gone"].tolist() == [True]


@pytest.mark.parametrize(("days", "matured"), [(HORIZON + GRACE_DAYS + 1, True), (HORIZON + GRACE_DAYS, False)])
def test_a_label_waits_for_the_horizon_and_the_grace_period(tmp_path: Path, days: int, matured: bool) -> None:
    until = AS_OF + timedelta(days=days)
    told = labelled("a | -400d | -400d | | 100 | yes | |", tmp_path, until)
    assert bool(told["matured"]) is matured
    assert [told[name] is None for name in OUTCOMES] == [not matured] * 3
    assert (last_matured(until, HORIZON) >= AS_OF) is matured


def test_what_became_known_only_at_the_last_day_changes_no_label(tmp_path: Path) -> None:
    rows = "a | -400d | -400d | | 100 | yes | +30d | {known}"
    assert happened(rows.format(known="+365d"), tmp_path / "late") == set()
    assert happened(rows.format(known="+364d"), tmp_path / "before") == {"churn"}


def test_labels_keep_the_order_and_index_of_their_spine(tmp_path: Path) -> None:
    terms = "subscription_id | account_id | known_at | starts_on | ends_on | arr | auto_renew"
    rows = "s | a | -400d | -400d | +9d | 5 | no\n t | b | -400d | -400d | | 5 | yes"
    warehouse = opened(world(subscriptions=f"{terms}\n{rows}"), tmp_path)
    spine = spine_of(["b", "a"], AS_OF, day(60), day(10)).set_index(pd.Index([9, 4, 7, 1, 0, 3]))
    found = label(warehouse, spine, HORIZON, UNTIL)
    pd.testing.assert_frame_equal(found[["account_id", "as_of"]], spine)
    assert found["churn"].tolist() == [False, True, False, True, False, True]


@pytest.mark.parametrize("horizon_days", [0, 731, -5])
def test_a_horizon_out_of_bounds_is_refused(tmp_path: Path, horizon_days: int) -> None:
    with pytest.raises(OutcomeError, match="expected 1 to 730"):
        label(opened(world(), tmp_path), spine_of(["a"], AS_OF), horizon_days, UNTIL)


def test_an_unknown_outcome_names_the_known_ones() -> None:
    assert outcome_named("churn").bad
    with pytest.raises(OutcomeError, match="expected one of churn, contraction, expansion"):
        outcome_named("joy")


@pytest.mark.parametrize(
    ("terms", "days_to_renewal", "expected"),
    [
        ("a | -400d | -300d | +60d | 100 | no | |", 60, True),
        ("a | -400d | -300d | +60d | 100 | no | |\na | +50d | +60d | +425d | 100 | no | |", 60, False),
        ("a | -400d | -300d | +60d | 100 | no | |\na | +80d | +85d | +425d | 100 | no | |", 60, False),
        ("a | -400d | -300d | +60d | 100 | no | |\na | +95d | +95d | +425d | 100 | no | |", 60, True),
        (
            "a | -400d | -300d | -200d | 100 | no | |\na | -100d | -100d | +60d | 100 | no | |\n"
            "a | +50d | +60d | +425d | 100 | no | |",
            *(60, False),
        ),
        ("a | -400d | -300d | +60d | 100 | no | +20d |", 60, True),
        ("a | -400d | -300d | +340d | 100 | no | |", 340, None),
        ("a | -400d | -300d | | 100 | yes | |", float("nan"), None),
        ("a | -400d | -300d | +1d | 100 | no | |", 1, True),
        ("a | -400d | -300d | +0d | 100 | no | |", 0, None),
        ("a | -400d | -300d | +60d | 100 | no | +65d |", 60, True),
        ("a | -400d | -300d | +60d | 100 | no | +90d |", 60, True),
        ("a | -400d | -300d | +60d | 100 | no | +91d |", 60, False),
        ("a | -400d | -300d | +60d | 100 | yes | +65d |", 60, False),
        ("a | -400d | -300d | +60d | 100 | no | +65d |\na | +80d | +85d | +425d | 100 | no | |", 60, False),
        ("a | -400d | -300d | +333d | 100 | no | +350d |", 333, None),
        ("a | -400d | -300d | +334d | 100 | no | |", 334, True),
        ("a | -400d | -300d | +335d | 100 | no | |", 335, None),
        ("a | -400d | -300d | +334d | 100 | no | |\na | +300d | +334d | +700d | 100 | no | |", 334, False),
        ("a | -400d | -300d | +335d | 100 | no | |\na | +300d | +335d | +700d | 100 | no | |", 335, None),
        ("a | -400d | -300d | +320d | 100 | no | +334d |", 320, True),
        ("a | -400d | -300d | +320d | 100 | no | +335d |", 320, None),
        ("a | -1035d | -1035d | -670d | 100 | yes | +61d |", 60, True),
        ("a | -1035d | -1035d | -670d | 100 | yes | +66d |", 60, True),
        ("a | -1035d | -1035d | -670d | 100 | yes | +67d |", 60, False),
        ("a | -400d | -400d | -370d | 100 | yes | +23d |", 20, True),
        ("a | -400d | -400d | -370d | 100 | yes | +24d |", 20, False),
    ],
    ids=[
        *("ends", "renewed", "late signature", "won back", "won back long before, and renewed", "left before"),
        *("not over yet", "never ends", "ends tomorrow", "ended today"),
        *("ran on unsigned", "for the grace period", "for longer", "turned, then left", "ran on, then signed"),
        *("ran on, grace not over", "grace just over", "grace on its last day", "renewed, grace just over"),
        *("renewed, grace on its last day", "ran on, grace just over", "ran on, grace on its last day"),
        *("left on its turn by the calendar", "left three days on for each turn", "turned twice, then left"),
        *("left a tenth of a month after its turn", "turned, then left within the month"),
    ],
)
def test_whether_a_term_renews_is_known_once_it_and_the_grace_period_are_over(
    tmp_path: Path, terms: str, days_to_renewal: float, expected: bool | None
) -> None:
    keyed = "\n".join(f"{i} | {row}" for i, row in enumerate(terms.splitlines()))
    tables = world(accounts="account_id | known_at\n a | -900d") | {"subscriptions": table(f"{HEADER}\n{keyed}")}
    warehouse = opened(tables, tmp_path)
    spine = spine_of(["a"], AS_OF).assign(days_to_renewal=days_to_renewal)
    (found,) = lost_at_renewal(warehouse, spine, UNTIL).tolist()
    assert (None if pd.isna(found) else bool(found)) is expected
