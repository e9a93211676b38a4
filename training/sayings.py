"""What the tables say of accounts in words (kinds, categories, owners, flags), counted against what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.catalogue import READ
from features.source import Column, Kind
from features.sources import SOURCES
from features.warehouse import Warehouse

UNHEARD = ("usage",)
"""Not listened to: the product writes usage at once, and nobody goes over it afterwards."""
FREE = frozenset({"name", "text", "comment"})
"""Columns in which people write freely."""


@dataclass(frozen=True)
class Said:
    """A word of a column, said of `accounts` before the outcome happened to `happened` of them."""

    source: str
    column: str
    word: str
    accounts: int
    happened: int
    all_accounts: int
    all_happened: int

    @property
    def share(self) -> float:
        return self.happened / self.accounts


def sayings(warehouse: Warehouse, fates: Mapping[str, pd.DataFrame], least: int) -> dict[str, list[Said]]:
    """Per outcome, every word said of at least `least` accounts while it could still be asked.

    `fates` holds per outcome one row an account: `account_id`, `until`, `happened`. A word counts for an account
    once it was known (and learnt) before `until`. One grouped query a column; one row a word comes back.
    """
    if not fates:
        return {}
    told = {name: fate.set_index("account_id").add_suffix(f"_{i}") for i, (name, fate) in enumerate(fates.items())}
    known = warehouse.engine.put("fates", pd.concat(told.values(), axis=1).reset_index(names="fated"))
    heard: dict[str, list[Said]] = {name: [] for name in fates}
    for source, rows in warehouse.tables.items():
        if source in UNHEARD or source not in READ:
            continue
        for column in SOURCES[source].columns:
            if not {column.name, column.learnt_at or column.name} <= set(rows.columns) or not _speaks(column):
                continue
            counts = warehouse.engine.frame(_counted(rows, known, column, len(fates), least))
            for i, (name, fate) in enumerate(fates.items()):
                totals = len(fate), int(fate["happened"].sum())
                heard[name] += [
                    Said(source, column.name, str(row["word"]), int(row[f"said_{i}"]), int(row[f"then_{i}"]), *totals)
                    for row in counts.to_dict("records")
                    if row[f"said_{i}"] >= least
                ]
    return heard


def _speaks(column: Column) -> bool:
    return column.kind in (Kind.TEXT, Kind.FLAG) and column.name not in FREE


def _counted(rows: ir.Table, fates: ir.Table, column: Column, outcomes: int, least: int) -> ir.Table:
    """Per word: the accounts of which it was said in time, and those of them to whom each outcome happened."""
    seen = rows.known_at
    if column.learnt_at is not None:
        learnt = rows[column.learnt_at]
        seen = ibis.cases((learnt > rows.known_at, learnt), (learnt.notnull(), rows.known_at))
    spoken = rows.select("account_id", word=rows[column.name].cast("string"), seen=seen)
    spoken = spoken.filter(spoken.word.notnull() & spoken.seen.notnull())
    each = spoken.group_by(["account_id", "word"]).agg(seen=spoken.seen.min())
    joined = each.join(fates, each.account_id == fates.fated)
    sums = {}
    for i in range(outcomes):
        in_time = joined.seen < joined[f"until_{i}"]
        sums[f"said_{i}"] = joined.count(where=in_time)
        sums[f"then_{i}"] = joined.count(where=in_time & (joined[f"happened_{i}"] == 1))
    counts = joined.group_by("word").agg(every=joined.count(), **sums)
    return counts.filter(counts.every >= least)
