"""The engine says of every account, feature by feature, what a slow and obvious reading of the catalogue says."""

from __future__ import annotations

import dataclasses
from datetime import date
from functools import cache
from itertools import chain, groupby, zip_longest
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

from features.catalogue import CATALOGUE, FAMILIES
from features.examples import Example, examples
from features.feature import is_known
from features.snapshot import blind_on, snapshot
from features.sources import SOURCES
from features.warehouse import Warehouse
from tests.oracle import Value, described, is_blind
from tests.seen import seen_by
from tests.worlds import AS_OF, World, day, moved, opened, renamed, spine_of, together, worlds

LEAP_DAY, DAY_AFTER = date(2028, 2, 29), date(2028, 3, 1)
ODD_IDS = ("'", '" OR 1=1; --', " 🚀", " {x} %s\\", "/ü|0012", "")
OPTIONAL = [
    (source.name, column.name) for source in SOURCES.values() for column in source.columns if not column.required
]
BY_PLACE = [
    [one for one in columns if one is not None]
    for columns in zip_longest(*(list(group) for _, group in groupby(OPTIONAL, key=itemgetter(0))))
]
"""One optional column of each table, then another, until all had their turn."""
DRAWN = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)

Differences = dict[str, tuple[Value, object]]


def ids(tables: World) -> list[str]:
    return sorted(set(tables["accounts"]["account_id"]))


def alike(one: Value, other: object) -> bool:
    """Equal, give or take that an engine may add in any order and round a half either way."""
    if one is None or not is_known(other):
        return one is None and not is_known(other)
    if isinstance(one, str) or not isinstance(other, (int, float)):
        return one == other
    return abs(one - other) <= 2e-6 * max(1.0, abs(one))


def differences(tables: World, *dates: date) -> Differences:
    """The cells of the whole catalogue in which oracle and engine differ: (oracle, engine) by feature and account."""
    accounts = ids(tables)
    with TemporaryDirectory() as folder:
        warehouse = opened(tables, Path(folder))
        assert warehouse.quarantine.empty, "a world must keep the rules of SOURCES"
        rows = snapshot(warehouse, spine_of(accounts, *dates))
        warehouse.close()
    seen = {(row["as_of"].date(), row["account_id"]): row for row in rows.to_dict("records")}
    assert len(seen) == len(rows) == len(accounts) * len(dates)
    return {
        f"{name} of {account} on {as_of}": (value, seen[as_of, account][name])
        for as_of in dates
        for account, values in described(tables, accounts, as_of).items()
        for name, value in values.items()
        if not alike(value, seen[as_of, account][name])
    }


def assert_alike(tables: World, *dates: date) -> None:
    differ = differences(tables, *dates)
    listed = "\n".join(f"{cell}: {values}" for cell, values in sorted(differ.items())[:30])
    assert not differ, f"{len(differ)} cells differ, (oracle, engine):\n{listed}"


def deep(first: World, *others: World) -> World:
    """The accounts of a world with all that happened to them in others as well."""
    more = [renamed(one, f" {number}", accounts=False) for number, one in enumerate(others)]
    once = ("accounts", "entitlements", "milestones")  # of these an account has each only once
    return first | {name: together(first, *more)[name] for name in first if name not in once}


@cache
def crowd(seeded: int) -> World:
    """Drawn worlds side by side, with odd ids, every other about a leap day: a query costs the same for all."""
    drawn: list[World] = []
    layers = 3

    @settings(DRAWN, max_examples=len(ODD_IDS) * layers)
    @seed(seeded)
    @given(tables=worlds(accounts=6, rows=4))
    def draw(tables: World) -> None:
        assume(sum(map(len, tables.values())) > 100)  # a near-empty world shows little
        drawn.append(tables)

    draw()
    days = (LEAP_DAY - AS_OF).days
    again = [[one, *(moved(one, -shift) for shift in (11, 37, 80))] for one in drawn]
    whole = [deep(*chain(*again[start : start + layers])) for start in range(0, len(drawn), layers)]
    turned = [moved(one, days) if number % 2 else one for number, one in enumerate(whole)]
    return together(*(renamed(one, odd) for one, odd in zip(turned, ODD_IDS, strict=True)))


def test_the_engine_says_what_the_oracle_says() -> None:
    assert_alike(crowd(1), AS_OF, LEAP_DAY, DAY_AFTER)


@pytest.mark.slow
@pytest.mark.parametrize("seeded", range(2, 4))
def test_the_engine_says_what_the_oracle_says_of_many_more(seeded: int) -> None:
    assert_alike(crowd(seeded), day(30), AS_OF, day(-60), LEAP_DAY, DAY_AFTER)


@st.composite
def poor_worlds(draw: st.DrawFn) -> World:
    """Worlds in which some tables and columns were not given, and of some tables nothing was known yet."""
    tables = draw(worlds(accounts=6, rows=4))
    assume(sum(map(len, tables.values())) > 100)
    may_lack = st.sampled_from([name for name, one in SOURCES.items() if not one.required])
    lost, late = draw(st.sets(may_lack, max_size=3)), draw(st.sets(may_lack, max_size=3))
    tables |= moved({name: tables[name] for name in late}, 900)
    gone = draw(st.sets(st.sampled_from(OPTIONAL), max_size=20))
    return {
        name: rows.drop(columns=[column for source, column in gone if source == name])
        for name, rows in tables.items()
        if name not in lost
    }


@settings(DRAWN, max_examples=2)
@seed(1)
@given(tables=poor_worlds())
def test_what_was_not_given_is_unknown_to_engine_and_oracle_alike(tables: World) -> None:
    assert_alike(tables, AS_OF)


@pytest.mark.slow
@settings(DRAWN, max_examples=4)
@seed(2)
@given(tables=poor_worlds())
def test_what_was_not_given_is_unknown_to_both_in_many_more(tables: World) -> None:
    assert_alike(tables, AS_OF)


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Warehouse]:
    """A world that has every table and column, early."""
    tables = {name: rows[rows["account_id"] == f"z{ODD_IDS[0]}"] for name, rows in crowd(1).items()}
    assert not blind_to(tables)
    return tables, opened(tables, tmp_path_factory.mktemp("rich"))


@pytest.mark.parametrize("name", [name for name, source in SOURCES.items() if not source.required])
def test_before_anything_is_known_of_a_source_both_are_blind_to_the_same(
    rich: tuple[World, Warehouse], name: str
) -> None:
    tables, warehouse = rich
    late = {name: dataclasses.replace(warehouse.loaded[name], first=AS_OF)}
    loaded = dataclasses.replace(warehouse, loaded={**warehouse.loaded, **late})
    assert blind_on(loaded, AS_OF) == blind_to(tables | moved({name: tables[name]}, 900))


@pytest.mark.slow
@pytest.mark.parametrize("lacking", BY_PLACE)
def test_without_a_column_both_are_blind_to_the_same(
    rich: tuple[World, Warehouse], lacking: list[tuple[str, str]]
) -> None:
    tables, _ = rich
    poor = tables | {name: tables[name].drop(columns=[column]) for name, column in lacking}
    with TemporaryDirectory() as folder:
        warehouse = opened(poor, Path(folder))
        assert blind_on(warehouse, AS_OF) == blind_to(poor)
        warehouse.close()


def blind_to(tables: World) -> frozenset[str]:
    seen = seen_by(tables, AS_OF)
    return frozenset(name for name, feature in CATALOGUE.items() if is_blind(feature, tables, seen))


@pytest.mark.parametrize("as_of", [AS_OF, LEAP_DAY, DAY_AFTER])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_oracle_says_what_the_examples_say(family: str, as_of: date) -> None:
    def wrong(example: Example) -> Differences:
        seen = described(example.world(as_of), example.accounts, as_of)
        return {
            f"{example.title}: {name} of {account}": (said.value, seen[account][name])
            for name, cells in example.expected.items()
            for account, said in cells.items()
            if not said.fits(seen[account][name])
        }

    assert not [found for example in examples(family) if (found := wrong(example))], "(expected, found)"
