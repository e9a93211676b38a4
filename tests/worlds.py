"""Small worlds of source tables: written down as ASCII tables, or drawn by Hypothesis from SOURCES itself.

A world maps a source's name to a frame of its rows. Worlds turn about one date, `AS_OF`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
from hypothesis import strategies as st

from features import examples
from features.source import Column, Kind, Source
from features.sources import SOURCES
from features.warehouse import Warehouse, open_warehouse

World: TypeAlias = dict[str, pd.DataFrame]

AS_OF = date(2026, 6, 1)
LOADED_ON = date(2030, 1, 1)


def day(age: int) -> date:
    """The date `age` days before `AS_OF`; a negative age lies ahead."""
    return AS_OF - timedelta(days=age)


def table(text: str, as_of: date = AS_OF) -> pd.DataFrame:
    """Rows of an ASCII table, in which `-3d` is three days before `as_of` (`features/examples.py`)."""
    return examples.table(text, as_of)


def world(**tables: str) -> World:
    """ASCII tables by source; accounts and subscriptions that are not given are filled in for every id mentioned.

    Such an account is known, and pays 1,200 a year, since 400 days before `AS_OF`.
    """
    given = {name: table(text) for name, text in tables.items()}
    return examples.with_accounts(given, AS_OF, () if any(map(len, given.values())) else ("a",))


def written(tables: Mapping[str, pd.DataFrame], folder: Path, form: str = "parquet") -> Path:
    """The folder, holding one file a table."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        if form == "csv":
            rows.to_csv(folder / f"{name}.csv", index=False)
        else:
            rows.to_parquet(folder / f"{name}.parquet", index=False)
    return folder


def opened(
    tables: Mapping[str, pd.DataFrame], folder: Path, *, loaded_on: date = LOADED_ON, bad_share: float | None = None
) -> Warehouse:
    """The world written to a folder as Parquet, and opened."""
    return open_warehouse(str(written(tables, folder)), loaded_on=loaded_on, bad_share=bad_share)


def spine_of(accounts: Iterable[str], *dates: date) -> pd.DataFrame:
    """Every account on every date, whether it pays or not."""
    rows = [(account, pd.Timestamp(as_of)) for as_of in dates for account in accounts]
    return pd.DataFrame(rows, columns=["account_id", "as_of"])


def cut(tables: Mapping[str, pd.DataFrame], as_of: date) -> World:
    """The rows known before `as_of`."""
    return {name: rows[_visible(SOURCES[name], rows, as_of)] for name, rows in tables.items()}


def unlearnt(tables: Mapping[str, pd.DataFrame], as_of: date) -> World:
    """The same rows without any value learnt at or after `as_of`, or never."""
    return {name: _unlearnt(SOURCES[name], rows, as_of) for name, rows in tables.items()}


def postponed(tables: Mapping[str, pd.DataFrame], as_of: date) -> World:
    """The world and, beside it, all that it tells once more: two years later and, at the earliest, on `as_of`."""
    return {name: pd.concat([rows, _postponed(SOURCES[name], rows, as_of)]) for name, rows in tables.items()}


def spoilt(tables: Mapping[str, pd.DataFrame], since: date) -> World:
    """The same rows, but what is learnt after one, at or after `since`, is faulty: a rating of 8, an end too early."""
    return {name: _spoilt(SOURCES[name], rows, since) for name, rows in tables.items()}


def renamed(tables: Mapping[str, pd.DataFrame], suffix: str, *, accounts: bool = True) -> World:
    """The world with other ids of rows and, unless told otherwise, of accounts, but alike in all else."""
    own = {key for source in SOURCES.values() for key in source.key if key != "account_id"}
    own |= {"account_id"} if accounts else set()
    return {
        name: rows.assign(**{key: rows[key] + suffix for key in own & _ids(name) & set(rows.columns)})
        for name, rows in tables.items()
    }


def moved(tables: Mapping[str, pd.DataFrame], days: int) -> World:
    """The world with all its dates so many days later."""
    later = pd.Timedelta(days=days)
    return {
        name: rows.assign(**{column.name: rows[column.name] + later for column in SOURCES[name].times})
        for name, rows in tables.items()
    }


def together(*worlds: Mapping[str, pd.DataFrame]) -> World:
    """The rows of several worlds under one another."""
    return {name: pd.concat([one[name] for one in worlds], ignore_index=True) for name in worlds[0]}


def _ids(name: str) -> set[str]:
    return {column.name for column in SOURCES[name].columns if column.kind is Kind.ID}


def _visible(source: Source, rows: pd.DataFrame, as_of: date) -> pd.Series[bool]:
    known = rows["known_at"]
    if source.event is not None:
        known = known.fillna(rows[source.event])
    return known.isna() | (known < pd.Timestamp(as_of))


def _unlearnt(source: Source, rows: pd.DataFrame, as_of: date) -> pd.DataFrame:
    kept = rows.copy()
    for column in source.columns:
        if column.learnt_at is not None and column.name in rows:
            kept[column.name] = rows[column.name].where(_learnt(column, rows) < pd.Timestamp(as_of))
    return kept


def _learnt(column: Column, rows: pd.DataFrame) -> pd.Series[Any]:
    """When each value of a column was learnt: an end, unless said otherwise, on its day."""
    learnt = rows[column.learnt_at or "known_at"]
    return learnt.fillna(rows["ended_on"]) if column.name == "ended_on" else learnt


def _spoilt(source: Source, rows: pd.DataFrame, since: date) -> pd.DataFrame:
    told = rows.copy()
    first = {late: early for early, late in source.in_order}
    for column in (one for one in source.columns if one.learnt_at not in (None, one.name)):
        learnt = _learnt(column, rows)
        known = rows["known_at"].fillna(rows[source.event or "known_at"])
        later = (learnt >= pd.Timestamp(since)) & (learnt > known) & rows[column.name].notna()
        if column.name in first:
            told[column.name] = rows[column.name].mask(later, rows[first[column.name]] - pd.Timedelta(days=3))
            told[column.learnt_at] = rows[column.learnt_at].mask(later, learnt)
        elif column.high is not None:
            told[column.name] = rows[column.name].mask(later, column.high + 3)
        elif column.scale is not None:
            scaled = rows[column.scale.by] == column.scale.word
            told[column.name] = rows[column.name].mask(later & scaled, column.scale.high + 3)
    return told


def _postponed(source: Source, rows: pd.DataFrame, as_of: date) -> pd.DataFrame:
    times = [column.name for column in source.times if column.name in rows]
    late = rows.assign(**{name: rows[name] + pd.Timedelta(days=730) for name in times})
    first = pd.Timestamp(as_of)
    known = late["known_at"].fillna(late[source.event] if source.event else first)
    late["known_at"] = known.where(known >= first, first)
    changed = {key: late[key] + "'" for key in set(source.key) - {"account_id"} if "known_at" not in source.key}
    return late.assign(**changed)


_LAGS = st.sampled_from([0, 0, 1, 9, 70])
_SPANS = st.sampled_from([None, 0, 2, 30, 90, 200])
_NEAR = st.integers(-40, 3)
"""Days from `AS_OF` on which what happens is most often known, or solved, only after it."""
_WORDS = ("north", "süd", "o'east", "west")
_TEXTS = (
    "We are evaluating alternatives and may cancel",
    "The login is broken again",
    "Thank you, this works great",
    "Please add ten more seats",
    "Is there a security report?",
    "Our budget was cut, we need a cheaper plan",
)
_WORDS_OF = {
    "category": ("how_to", "security", "compliance"),
    "title": ("VP of Sales", "Clerk", "IT Director"),
    "value": ("0.2", "0.75", "1", "rather not"),
    "text": _TEXTS,
    "comment": _TEXTS,
}


@st.composite
def worlds(draw: st.DrawFn, accounts: int = 3, sources: tuple[str, ...] = tuple(SOURCES), rows: int = 3) -> World:
    """A few accounts with up to four rows in every source: on time and late, of the past and of the future, with nulls.

    Each account is known early; every row keeps the rules of SOURCES. Account `z` has an early row in every
    source, so that no source is unknown to all.
    """
    names = [f"acct{i}" for i in range(accounts)]
    made: World = {}
    for name in sources:
        source = SOURCES[name]
        told = [_row(draw, source, "z", 0, -450)]
        for account in names:
            least = 1 if source.required else 0
            for number in range(draw(st.integers(least, max(rows, least)))):
                start = -450 if name == "accounts" and number == 0 else draw(_NEAR | st.integers(-420, 60))
                told.append(_row(draw, source, account, number, start))
        made[name] = _frame(source, told)
    return made


def _row(draw: st.DrawFn, source: Source, account: str, number: int, start: int) -> dict[str, Any]:
    moment = pd.Timestamp(AS_OF) + pd.Timedelta(days=start, minutes=number + draw(st.sampled_from([0, 720])))
    row: dict[str, Any] = {}
    for column in source.columns:
        if column.name == "account_id":
            row[column.name] = account
        elif column.name in source.key and column.kind is not Kind.TIME:
            row[column.name] = f"{account} {source.name} {number}" if column.kind is Kind.ID else _WORDS[number]
        elif column.name in (source.event, "starts_on") or (source.name == "accounts" and column.name == "known_at"):
            row[column.name] = moment
        elif column.name == "known_at":
            row[column.name] = _known(draw, source, moment, early=start == -450)
        elif column.name == "contact_id":
            row[column.name] = draw(st.sampled_from([None, *(f"{account} contacts {n}" for n in range(3))]))
        else:
            row[column.name] = _value(draw, _within(column, row), moment)
    return row


def _within(column: Column, row: Mapping[str, Any]) -> Column:
    """The column with the bounds that hold for it in this row."""
    scale = column.scale
    if scale is None or row.get(scale.by) != scale.word:
        return column
    return replace(column, low=scale.low, high=scale.high)


def _known(draw: st.DrawFn, source: Source, moment: pd.Timestamp, *, early: bool) -> pd.Timestamp | None:
    if early:
        return moment
    if source.name == "subscriptions":
        return moment + pd.Timedelta(days=draw(st.sampled_from([-90, -20, 0, 9, 70])))
    if draw(st.integers(0, 3)) == 0:
        return None
    return moment + pd.Timedelta(days=draw(_LAGS))


def _value(draw: st.DrawFn, column: Column, moment: pd.Timestamp) -> Any:
    if column.kind is Kind.TIME:
        span = draw(_SPANS)
        return None if span is None else moment + pd.Timedelta(days=span)
    if not column.required and draw(st.integers(0, 4)) == 0:
        return None
    match column.kind:
        case Kind.FLAG:
            return draw(st.booleans())
        case Kind.NUMBER:
            low, high = column.low or 0, min(column.high or 40, 40)
            return float(draw(st.sampled_from([low, (low + high) / 2, high])))
        case Kind.ID:
            return draw(st.sampled_from(["u1", "u2", "u3"]))
    return draw(st.sampled_from(column.values or _WORDS_OF.get(column.name, _WORDS)))


def _frame(source: Source, rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[column.name for column in source.columns], dtype=object)
    return frame.assign(**{column.name: pd.to_datetime(frame[column.name]) for column in source.times})
