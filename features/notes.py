"""What a person asks behind a number: who said it and when, or which feature it is that stopped, as known on a date.

2026-11-27: for people only. A feature has the value; who rated an account, or how a feature is called, teaches a model
nothing that holds for the next account.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
from ibis import _

from features.asof import day_of
from features.catalogue.adoption import STOPPED
from features.catalogue.billing import STATED
from features.feature import Unit, is_known, spoken
from features.observed import observed_on
from features.told import told_apart
from features.warehouse import Warehouse


@dataclass(frozen=True)
class Note:
    """One thing behind the value of a `feature`: what was `said`, by whom (None: nobody says) and on which day."""

    feature: str
    said: str
    author: str | None
    on: date


def notes(warehouse: Warehouse, as_of: date) -> Mapping[str, tuple[Note, ...]]:
    """By account: the CSM's last rating, the last stated wish to renew, and each value-bearing feature that stopped."""
    found: dict[str, list[Note]] = {}
    for feature, rows in _asked(warehouse, as_of):
        share = rows.strength if "strength" in rows.columns else ibis.null("float64")
        asked = rows.select("account_id", "said", "author", "age", share=share).order_by("account_id", "age", "said")
        for account, said, author, age, stated in warehouse.engine.frame(asked).itertuples(index=False):
            by = str(author) if is_known(author) and author else None
            told = spoken(stated, Unit.PERCENT) if is_known(stated) else _plain(said)
            found.setdefault(account, []).append(Note(feature, told, by, day_of(age, as_of)))
    return {account: tuple(told) for account, told in found.items()}


def _asked(warehouse: Warehouse, as_of: date) -> Iterator[tuple[str, ir.Table]]:
    given = warehouse.tables
    if "surveys" in given:
        rated = observed_on("surveys", given["surveys"], as_of)
        rated = rated.filter(rated.kind == "pulse", rated.score.notnull()).mutate(said=_.score, age=_.answered_age)
        yield "pulse_last", _newest(rated, rated.age, rated.instant, rated.said.desc())
    if "signals" in given:
        wish = observed_on("signals", given["signals"], as_of).mutate(said=_.value, age=_.event_age)
        wish = wish.filter(wish.kind == "renewal_intent", wish.age <= STATED.until, wish.said.notnull())
        yield "renewal_intent_180d", _newest(wish, wish.instant, wish.strength.desc(), wish.said)
    if {"usage", "entitlements"} <= set(given):
        used = observed_on("usage", given["usage"], as_of)
        used = used.filter(used.feature.notnull(), used.event_age <= STOPPED.until)
        last = used.group_by("account_id", "feature").agg(age=used.event_age.min())
        last = told_apart(warehouse, "usage", last, frozenset({"critical"}), as_of)
        stopped = last.filter(last.critical, last.age > STOPPED.after)
        yield "critical_features_stopped", stopped.mutate(said=stopped.feature, author=ibis.null("string"))


def _newest(rows: ir.Table, *order: ir.Value) -> ir.Table:
    """The first row of each account in an order."""
    place = ibis.row_number().over(group_by=rows.account_id, order_by=order)
    return rows.mutate(place=place).filter(_.place == 0)


def _plain(said: object) -> str:
    return f"{said:g}" if isinstance(said, float) else str(said)
