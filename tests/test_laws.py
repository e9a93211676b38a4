"""The laws: nothing known or learnt later moves what is said of a date, nor does another account, nor any order."""

from __future__ import annotations

import re
from datetime import date, timedelta
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from features.catalogue import CATALOGUE, UNITS
from features.cohort import cohort, paying
from features.feature import Feature, Unit, is_known, sentence
from features.revenue import movement, revenue
from features.simulation import simulate
from features.snapshot import snapshot
from features.warehouse import Warehouse, open_warehouse
from tests.oracle import described
from tests.worlds import (
    AS_OF,
    World,
    cut,
    day,
    opened,
    postponed,
    renamed,
    spine_of,
    spoilt,
    together,
    unlearnt,
    world,
    worlds,
    written,
)
from training.coverage import with_references
from training.outcomes import label

SLOW = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
TWINS = {"cut": cut, "unlearnt": unlearnt, "postponed": postponed, "spoilt": spoilt}
"""Four ways to change what was known or learnt only later; after each of them nothing may have changed."""


def with_twins(tables: World, as_of: date) -> World:
    """The world and, as accounts of their own, its twins with another future."""
    return together(tables, *(renamed(twin(tables, as_of), f"/{name}") for name, twin in TWINS.items()))


def ids(tables: World) -> list[str]:
    return sorted(set(tables["accounts"]["account_id"]))


def of_twin(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of one twin (or, without a name, of the world itself) under the accounts' plain ids."""
    parts = [str(account).partition("/") for account in rows["account_id"]]
    plain = rows.assign(account_id=[account for account, _, _ in parts])
    kin = pd.Series([twin == name for _, _, twin in parts], index=rows.index, dtype=bool)
    return plain[kin].sort_values(["as_of", "account_id"], ignore_index=True)


def assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Equal bit for bit."""
    assert_frame_equal(one.astype({"account_id": "string"}), other.astype({"account_id": "string"}), check_exact=True)


def backwards(tables: World) -> World:
    return {name: rows.iloc[::-1] for name, rows in tables.items()}


def of_some(tables: World, accounts: set[str]) -> World:
    return {name: rows[rows["account_id"].isin(accounts)] for name, rows in tables.items()}


@settings(SLOW, max_examples=2, phases=[Phase.explicit, Phase.generate])
@given(tables=worlds(accounts=5, rows=4))
def test_no_feature_sees_what_was_known_or_learnt_later(tables: World) -> None:
    assume(sum(map(len, tables.values())) > 80)  # a near-empty world breaks no law, and costs as much
    with TemporaryDirectory() as folder:
        warehouse = opened(with_twins(tables, AS_OF), Path(folder), bad_share=1)
        assert all(key.endswith("/spoilt") for key in warehouse.quarantine["key"]), "a drawn world keeps the rules"
        assert set(warehouse.quarantine["column"]) == {"rating", "progress", "ended_on"}
        everybody = [account + twin for account in ids(tables) for twin in ("", *(f"/{name}" for name in TWINS))]
        seen = snapshot(warehouse, spine_of(everybody, AS_OF))
        for name in TWINS:
            assert_same(of_twin(seen, name), of_twin(seen, ""))
        warehouse.close()


@pytest.mark.slow
@settings(SLOW, max_examples=1, phases=[Phase.explicit, Phase.generate])
@given(tables=worlds(accounts=6, rows=4))
def test_a_feature_by_itself_is_what_it_is_beside_all_others(tables: World) -> None:
    """What is read together (the furthest window of a query, the joins of a source) is nobody's definition."""
    assume(sum(map(len, tables.values())) > 100)
    with TemporaryDirectory() as folder:
        warehouse = opened(tables, Path(folder))
        rows = spine_of(ids(tables), AS_OF)
        together = snapshot(warehouse, rows)
        for name in CATALOGUE:
            alone = snapshot(warehouse, rows, with_references((name,)))
            assert_same(alone[["account_id", "as_of", name]], together[["account_id", "as_of", name]])
        warehouse.close()


@settings(SLOW, max_examples=6, phases=[Phase.explicit, Phase.generate])
@given(
    tables=worlds(accounts=4, sources=("accounts", "subscriptions"), rows=4),
    age=st.integers(31, 300),
    horizon_days=st.integers(1, 200),
    since=st.sampled_from([day(-9999), day(200)]),
)
def test_labels_and_cohorts_see_nothing_known_at_or_after_their_date(
    tables: World, age: int, horizon_days: int, since: date
) -> None:
    """Also where ends are faulty that were learnt long ago."""
    with TemporaryDirectory() as folder:
        twins = with_twins(spoilt(tables, since), AS_OF)
        warehouse = opened(twins, Path(folder), bad_share=1)
        rows = spine_of(ids(twins), day(age))
        labelled = label(warehouse, rows, horizon_days, AS_OF)
        for told in (labelled, paying(warehouse, AS_OF), cohort(warehouse, AS_OF)):
            for name in TWINS:
                assert_same(of_twin(told, name), of_twin(told, ""))
        moved = revenue(movement(warehouse, AS_OF))
        assert moved.grr is None or 0 <= moved.grr <= 1
        assert moved.grr is None or moved.nrr is None or moved.grr <= moved.nrr + 1e-12
        warehouse.close()


@settings(SLOW, max_examples=200)
@given(
    st.lists(
        st.tuples(st.floats(0, 1e6), st.floats(0, 1e6), st.integers(0, 2), st.integers(0, 1), st.booleans()),
        max_size=6,
    )
)
def test_grr_never_exceeds_one_nor_nrr(accounts: list[tuple[float, float, int, int, bool]]) -> None:
    rates = revenue(pd.DataFrame(accounts, columns=["start", "end", "due", "lost", "paused"]))
    if rates.grr is None:
        assert not any(start > 0 for start, *_ in accounts)
        return
    assert rates.nrr is not None
    assert 0 <= rates.grr <= 1
    assert rates.grr <= rates.nrr + 1e-12


SHARES = frozenset(
    {
        *("stickiness", "critical_share_28d", "critical_breadth_28d", "busiest_user_share_28d", "users_lost_28d"),
        *("setup_complete", "onboarding_happy_share", "goals_progress", "discount", "reopened_share_90d"),
        *("survey_response_180d", "attendance_180d", "tech_touch_response_180d", "contacts_verified_180d"),
    }
)
"""Percents that are a part of a whole; other percents are a change, or one thing against another of its own."""


def bounds(feature: Feature) -> tuple[float, float]:
    """Between what a feature's values lie, by its unit and its definition."""
    measure = feature.measure
    while not measure.short and measure.op in ("either", "/") and (measure.op == "either" or measure.of[1].op == "<"):
        measure = measure.of[0]  # what is meant, under what holds it back where it would mislead
    read = str(measure)
    relative, difference = read.endswith(" - 1)"), measure.op == "-"
    match feature.unit:
        case Unit.FLAG:
            return 0, 1
        case Unit.PERCENT if feature.name in SHARES:
            return 0, 1
        case Unit.PERCENT if relative:
            return -1, inf
        case Unit.PERCENT if read.startswith("slope("):
            return -0.5, 0.5  # 6 / (weeks + 1), where all of it lies in one end
        case Unit.SCORE if "sentiment" in read:
            return -1, 1
        case Unit.COUNT | Unit.SCORE if difference or read.startswith("surprise("):
            return -inf, inf
        case _:
            return 0, inf


def out_of_bounds(values: dict[str, object]) -> dict[str, object]:
    """The cells of a snapshot's row that cannot be."""
    wrong: dict[str, object] = {}
    for name, feature in CATALOGUE.items():
        value = values[name]
        if not is_known(value):
            continue
        if feature.unit is Unit.CATEGORY:
            possible = isinstance(value, str) and value != ""
        else:
            low, high = bounds(feature)
            possible = isinstance(value, (int, float)) and low <= value <= high
            possible = possible and (feature.unit is not Unit.FLAG or value in (0, 1))
        if not possible:
            wrong[name] = value
    return wrong


@settings(SLOW, max_examples=15, phases=[Phase.explicit, Phase.generate])
@given(tables=worlds(accounts=6, rows=4))
def test_a_value_lies_where_its_unit_and_its_definition_allow(tables: World) -> None:
    """Held on the oracle, which is what the engine says and costs nothing to ask (`tests/features/test_oracle.py`)."""
    for as_of in (AS_OF, day(30), day(-60)):
        seen = described(tables, ids(tables), as_of)
        assert not {account: wrong for account, row in seen.items() if (wrong := out_of_bounds({**row}))}


def test_only_percents_are_shares() -> None:
    assert {CATALOGUE[name].unit for name in SHARES} == {Unit.PERCENT}


ODD_VALUES = (None, 0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 1e12, -1e12, 1e-9, -1e-9, -0.004, -0.04, -0.4, float("nan"))


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_sentence_says_no_nothing_and_no_minus_zero(name: str) -> None:
    feature = CATALOGUE[name]
    numbers = ("mid_market",) if feature.unit is Unit.CATEGORY else ODD_VALUES
    for value in numbers:
        for other in ODD_VALUES:
            said = sentence(feature, dict.fromkeys(feature.mentions, other) | {name: value}, UNITS)
            assert not re.search(r"nan|None|inf\b|[{}]|(?<!\d)-0(?![.,]?\d*[1-9])| {2}", said), said


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A small simulated company's tables."""
    folder = tmp_path_factory.mktemp("company") / "tables"
    simulate(folder, accounts=60, months=8, seed=3, end=date(2026, 10, 1))
    return {file.stem: pd.read_parquet(file) for file in folder.glob("*.parquet")}


def test_a_company_looks_the_same_without_its_future_half_its_accounts_its_order_and_other_dates(
    company: World, tmp_path: Path
) -> None:
    as_of, later = date(2026, 7, 1), date(2026, 8, 1)
    half = set(ids(company)[::2])
    known = backwards(of_some(unlearnt(cut(company, as_of), as_of), half))
    whole, past = opened(company, tmp_path / "whole"), opened(known, tmp_path / "past")
    assert past.last_day < as_of < whole.last_day, "there is a future to cut off"
    rows = cohort(whole, as_of)
    mine = rows[rows["account_id"].isin(half)].reset_index(drop=True)
    assert 0 < len(mine) < len(rows)
    assert_same(cohort(past, as_of), mine)
    many = snapshot(whole, pd.concat([rows, cohort(whole, later)]))
    assert not [
        wrong for _, row in many.iterrows() if (wrong := out_of_bounds({str(name): row[name] for name in CATALOGUE}))
    ]
    expected = many[many["account_id"].isin(half) & (many["as_of"] == pd.Timestamp(as_of))].reset_index(drop=True)
    assert_same(snapshot(past, mine), expected)
    whole.close()
    past.close()


def test_a_row_is_known_from_the_day_after_it_arrived(tmp_path: Path) -> None:
    tables = world(
        tickets="""ticket_id | account_id | event_at | known_at  | resolved_at
                   t         | a          | -9d      | -1d 23:59 |"""
    )
    warehouse = opened(tables, tmp_path)
    wanted = {"open_tickets": CATALOGUE["open_tickets"]}
    seen = snapshot(warehouse, spine_of(["a"], AS_OF - timedelta(days=1), AS_OF), wanted)["open_tickets"].tolist()
    assert pd.isna(seen[0])
    assert seen[1] == 1


def test_a_moment_at_midnight_of_the_date_itself_is_not_known_yet(tmp_path: Path) -> None:
    tables = world(
        tickets="""ticket_id | account_id | event_at | resolved_at
                   t         | a          | -9d      | +0d
                   u         | a          | -9d      | -1d 23:59"""
    )
    wanted = {"open_tickets": CATALOGUE["open_tickets"]}
    assert snapshot(opened(tables, tmp_path), spine_of(["a"], AS_OF), wanted)["open_tickets"].tolist() == [1]


def test_csv_and_parquet_of_one_world_are_one_world(tmp_path: Path) -> None:
    tables = world(usage="account_id | event_at | user_id\n a | -3d 10:00 | u1\n b | -40d | u2")
    wanted = {name: CATALOGUE[name] for name in ("active_users_28d", "days_since_use")}

    def seen(warehouse: Warehouse) -> pd.DataFrame:
        return snapshot(warehouse, spine_of(["a", "b"], AS_OF), wanted)

    comma = open_warehouse(str(written(tables, tmp_path / "csv", "csv")), loaded_on=AS_OF)
    assert_same(seen(comma), seen(opened(tables, tmp_path / "parquet", loaded_on=AS_OF)))
