"""What plain loops see of a world on a date: the rows known by then, dates as ages, and what rows say of one another.

It is the ground that the oracle stands on (`tests/oracle.py`); no engine has a part in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, TypeAlias

import pandas as pd

from features.sentiment import Reading, read
from features.source import Column, Kind, Source
from features.sources import SOURCES
from tests.worlds import World

Row: TypeAlias = dict[str, Any]
"""A row of a source: a plain value, or None, by column."""

TEXTS = {"tickets": "text", "surveys": "comment"}


def seen_by(tables: World, as_of: date) -> dict[str, list[Row]]:
    """The rows known before a date, by source, with what other rows known by then say of them."""
    seen = {name: seen_on(SOURCES[name], tables, as_of) for name in SOURCES}
    for source, columns in TOLD.items():
        for row in seen[source]:
            row |= {name: told.says(row, of(row["account_id"], seen[told.by])) for name, told in columns.items()}
    return seen


def seen_on(source: Source, tables: World, as_of: date) -> list[Row]:
    """The rows of a source that were known before a date, with dates as ages and nothing in them learnt later.

    Of a contact only what was known last; of usage only what is any.
    """
    midnight = datetime.combine(as_of, time())
    rows = [observed(row, source, midnight) for row in rows_of(source, tables) if row["known_at"] < midnight]
    match source.name:
        case "usage":
            return [row for row in rows if row["quantity"]]
        case "contacts":
            return persons(rows)
        case _:
            return rows


def persons(contacts: list[Row]) -> list[Row]:
    """Each person as last known, with how long ago the role was last said to be another."""
    found = []
    for one in {(row["account_id"], row["contact_id"]) for row in contacts}:
        versions = [row for row in contacts if (row["account_id"], row["contact_id"]) == one]
        versions.sort(key=lambda row: (row["known_age"], row["instant"], *(row[k] or "" for k in VERSION)))
        changes = [new["known_age"] for new, old in pairwise(versions) if differ(new["role"], old["role"])]
        found.append(versions[0] | {"role_changed_age": min(changes, default=None)})
    return found


VERSION = ("provider", "role", "title")


def differ(one: str | None, other: str | None) -> bool:
    """Whether two roles are known to be two."""
    return one is not None and other is not None and one != other


def rows_of(source: Source, tables: World) -> list[Row]:
    """All rows of a source as handed over, with the defaults of SOURCES filled in."""
    rows = []
    for told in tables.get(source.name, pd.DataFrame()).to_dict("records"):
        row = {column.name: plain(told.get(column.name), column) for column in source.columns}
        if row["known_at"] is None:
            row["known_at"] = row[source.event] if source.event else known_since(row["account_id"], tables)
        if source.name == "subscriptions" and row["ended_known_at"] is None:
            row["ended_known_at"] = row["ended_on"]
        rows.append(row)
    return rows


def known_since(account: str, tables: World) -> datetime:
    """When an account was first known: so long is known what has no clock of its own."""
    versions = of(account, rows_of(SOURCES["accounts"], tables))
    first: datetime = min(version["known_at"] for version in versions)
    return first


def plain(cell: Any, column: Column) -> Any:
    """A cell of a frame as a plain value of its column's kind, or None."""
    if pd.isna(cell) or cell == "":
        return column.default
    match column.kind:
        case Kind.TIME:
            return pd.Timestamp(cell).to_pydatetime()
        case Kind.NUMBER:
            return float(cell)
        case Kind.FLAG:
            return cell if isinstance(cell, bool) else cell == "yes"
        case _:
            return str(cell)


def observed(row: Row, source: Source, midnight: datetime) -> Row:
    """A row as seen at a midnight: a value learnt then or later is null, a date an age in whole days."""
    known = {name: value for name, value in row.items() if is_learnt(source.column(name), row, midnight)}
    event = row[source.event or "known_at"]
    seen: Row = {"event_age": age(event, midnight), "instant": (midnight - event) // timedelta(seconds=1)}
    for column in source.columns:
        value = known.get(column.name)
        seen[seen_as(column)] = age(value, midnight) if isinstance(value, datetime) else value
    if source.name in TEXTS:
        text = TEXTS[source.name]
        reading = read(seen[text])
        for field in fields(Reading):
            seen[f"{text}_{field.name}"] = reading and getattr(reading, field.name)
    if source.name == "tickets":
        for name in ("first_response_at", "resolved_at", "reopened_at"):
            came = known.get(name)
            seen[f"{name}_after"] = None if came is None else (came - event) // timedelta(seconds=1) / 86_400
    return seen


def seen_as(column: Column) -> str:
    return column.age if column.kind is Kind.TIME else column.name


def is_learnt(column: Column, row: Row, midnight: datetime) -> bool:
    learnt = row[column.learnt_at] if column.learnt_at else row["known_at"]
    return learnt is not None and learnt < midnight


def age(moment: datetime, midnight: datetime) -> int:
    """Whole days of the calendar: yesterday is 1, whatever the hour."""
    return (midnight.date() - moment.date()).days


def of(account: str, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["account_id"] == account]


# What other rows, and the row itself, say of a row.


def end_age(term: Row, _: list[Row]) -> int | None:
    """A term ends when it actually stopped; else on its last day, unless it renews by itself."""
    if term["ended_age"] is not None:
        return int(term["ended_age"])
    return None if term["auto_renew"] else term["ends_age"]


def paying(term: Row) -> bool:
    """Whether a term is paid for on the day."""
    end = end_age(term, [])
    return bool(term["arr"] > 0 and term["starts_age"] >= 0 and (end is None or end < 0))


def first(term: Row, terms: list[Row]) -> bool | None:
    """Whether no paid term began earlier."""
    began = [one["starts_age"] for one in terms if one["arr"] > 0]
    return term["starts_age"] == max(began) if began else None


def renews_age(term: Row, _: list[Row]) -> int | None:
    """When a term ends next: on its last day, or at the next turn of its own length if it renews by itself; at the stop
    where one is known."""
    if term["ended_age"] is not None:
        return int(term["ended_age"])
    ends: int | None = term["ends_age"]
    if ends is None or ends < 0:
        return ends
    length = term["starts_age"] - ends
    if not term["auto_renew"] or length <= 0:
        return None
    while ends >= 0:
        ends -= length
    return ends


def turns(term: Row, _: list[Row]) -> int:
    """How often a term has run to its end, its own or that of a turn, before it stopped."""
    ends, length, count = term["ends_age"], 0, 0
    while ends is not None and ends >= max(term["ended_age"] or 0, 0):
        count += 1
        length = term["starts_age"] - term["ends_age"]
        ends = ends - length if term["auto_renew"] and length > 0 else None
    return count


def follows(term: Row, terms: list[Row]) -> bool | None:
    """Whether a paid term ahead begins within 30 days of the next end of a running one of the same product."""
    if term["starts_age"] >= 0 or not term["arr"] > 0:
        return False
    ends = [renews_age(one, []) for one in terms if paying(one) and one["product"] == term["product"]]
    known = [end for end in ends if end is not None]
    return abs(term["starts_age"] - max(known)) <= 30 if known else None


def is_open(ticket: Row, _: list[Row]) -> bool:
    """Whether a ticket was never solved, or was opened again since."""
    solved, again = ticket["resolved_at_after"], ticket["reopened_at_after"]
    return solved is None or (again is not None and again > solved)


def waited(ticket: Row, _: list[Row]) -> float:
    """How long a ticket waited for a response: until it came, else until it was solved, else until now."""
    came = (ticket["first_response_at_after"], ticket["resolved_at_after"], float(ticket["event_age"]))
    return next(one for one in came if one is not None)


def quota(use: Row, entitlements: list[Row]) -> float | None:
    """How much of the feature may be used in a month, by what was said last."""
    same = [one for one in entitlements if one["feature"] == use["feature"] and current(one, entitlements)]
    return max((one["quota"] for one in same if one["quota"]), default=None)


def strength(signal: Row, _: list[Row]) -> float | None:
    """What a signal states as a number or as hundredths; words have no strength."""
    text = (signal["value"] or "").replace("%", "").strip()
    if not re.fullmatch(r"[0-9]*[.,]?[0-9]+([eE][-+]?[0-9]+)?", text):
        return None
    number = float(text.replace(",", "."))
    share = number / 100 if "%" in signal["value"] or number > 1 else number
    return share if share <= 1 else None


def current(entitlement: Row, entitlements: list[Row]) -> bool:
    """Whether no later row speaks of the same feature."""
    same = [one for one in entitlements if one["feature"] == entitlement["feature"]]
    return bool(entitlement["instant"] == min(one["instant"] for one in same))


def entitled(use: Row, entitlements: list[Row]) -> bool | None:
    """Whether the account may use the feature; null where nobody says so."""
    return any(one["feature"] == use["feature"] for one in entitlements) or None


def critical(use: Row, entitlements: list[Row]) -> bool | None:
    """Whether the feature bears the account's value by what was said last; null where nobody says so."""
    same = [one for one in entitlements if one["feature"] == use["feature"] and current(one, entitlements)]
    return any(one["critical"] for one in same) or None


def paid_age(_: Row, terms: list[Row]) -> int | None:
    """How long ago the account's first paid day was."""
    return max((term["starts_age"] for term in terms if term["arr"] > 0), default=None)


def role(row: Row, contacts: list[Row]) -> str | None:
    """What the person spoken of is to the account."""
    return next((one["role"] for one in contacts if one["contact_id"] == row["contact_id"]), None)


def met_age(contact: Row, touchpoints: list[Row]) -> int | None:
    """How long ago the person last answered or came."""
    mine = [one for one in touchpoints if one["contact_id"] == contact["contact_id"]]
    return min((one["event_age"] for one in mine if one["two_way"] or one["attended"]), default=None)


@dataclass(frozen=True)
class Told:
    """A column that rows get from the account's rows of the source `by`, which must have `reads`; they need `own`."""

    says: Callable[[Row, list[Row]], Any]
    by: str
    own: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


TOLD: Mapping[str, Mapping[str, Told]] = {
    "subscriptions": {
        "end_age": Told(end_age, "subscriptions"),
        "first": Told(first, "subscriptions"),
        "renews_age": Told(renews_age, "subscriptions", own=("ends_on",)),
        "follows": Told(follows, "subscriptions", own=("ends_on",)),
        "turns": Told(turns, "subscriptions", own=("ends_on",)),
    },
    "tickets": {
        "open": Told(is_open, "tickets", own=("resolved_at",)),
        "resolved_at_after": Told(lambda row, _: row["resolved_at_after"], "tickets", own=("resolved_at",)),
        "first_response_at_after": Told(
            lambda row, _: row["first_response_at_after"], "tickets", own=("first_response_at",)
        ),
        "waited": Told(waited, "tickets", own=("first_response_at",)),
    },
    "entitlements": {"current": Told(current, "entitlements", own=("feature",))},
    "signals": {"strength": Told(strength, "signals", own=("value",))},
    "usage": {
        "critical": Told(critical, "entitlements", own=("feature",), reads=("critical",)),
        "entitled": Told(entitled, "entitlements", own=("feature",)),
        "quota": Told(quota, "entitlements", own=("feature",), reads=("quota",)),
        "paid_age": Told(paid_age, "subscriptions"),
    },
    "surveys": {
        "theirs": Told(lambda row, _: row["kind"] != "pulse", "surveys"),
        "role": Told(role, "contacts", own=("contact_id",), reads=("role",)),
        "paid_age": Told(paid_age, "subscriptions"),
    },
    "touchpoints": {"role": Told(role, "contacts", own=("contact_id",), reads=("role",))},
    "contacts": {
        "role_changed_age": Told(lambda row, _: row["role_changed_age"], "contacts", own=("role",)),
        "met_age": Told(met_age, "touchpoints", reads=("contact_id", "two_way", "attended")),
    },
}
