"""How much is known, of whom, and how fresh it is: per table, per signal family and per size segment."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd

from features.catalogue import CATALOGUE, FAMILIES
from features.cohort import paying
from features.feature import Feature
from features.measure import references
from features.segments import SIZES, segment_of
from features.snapshot import blind_features, heard_of, snapshot
from features.sources import SOURCES
from features.warehouse import Warehouse
from training.dataset import Dataset

SILENT_DAYS = 90
"""An account without a row in a table for so long is silent there: a quarter, the longest rhythm of a routine."""

SIZED_BY = ("arr", "segment")
"""What an account's size is told by."""


def coverage(warehouse: Warehouse, data: Dataset | None, as_of: date) -> dict[str, dict[str, Any]]:
    """Per signal family: its features, those nobody can have and why, the share of accounts of which anything is known
    beyond what one without rows has, the same per segment (on the dates of `data`), and the days since anything became
    known in one of its tables."""
    blind = blind_features(warehouse)
    segments = None if data is None else _sizes(data.frame)
    found = {}
    for family, rows in FAMILIES.items():
        names = [feature.name for feature in rows]
        known = None if data is None else heard_of(data.frame, family)
        newest = [_days_since(warehouse, name, as_of) for name in dict.fromkeys(feature.source for feature in rows)]
        found[family] = {
            "features": len(names),
            "blind_features": {name: blind[name] for name in names if name in blind},
            "accounts_with_data": None if known is None else float(known.mean()),
            "segments": {} if known is None else _shares(known.astype("float64"), segments),
            "days_since_newest": min((days for days in newest if days is not None), default=None),
        }
    return found


def freshness(warehouse: Warehouse, as_of: date) -> dict[str, dict[str, Any]]:
    """Per table: the days since its newest row, the share of accounts paying on `as_of` without any row before it,
    and, of tables of events, the share without one in the last 90 days, overall and per segment.

    One grouped query a table; a count a segment comes back.
    """
    accounts = paying(warehouse, as_of)[["account_id", "as_of"]]
    if accounts.empty:
        return {name: _quiet(warehouse, name, as_of, {}) for name in warehouse.loaded}
    traits = snapshot(warehouse, accounts, with_references(SIZED_BY))
    accounts = traits[["account_id"]].assign(size=_sizes(traits))
    listed = warehouse.engine.put("paying", accounts.astype({"account_id": "string", "size": "string"}))
    many = accounts["size"].value_counts()
    found = {}
    for name in warehouse.loaded:
        if name not in warehouse.tables:
            found[name] = _quiet(warehouse, name, as_of, {})
            continue
        rows = warehouse.tables[name]
        seen = rows.filter(rows.known_at < ibis.literal(as_of.isoformat()).cast("timestamp"))
        moment = seen[SOURCES[name].event] if SOURCES[name].event else seen.known_at
        newest = seen.group_by(seen_id=seen.account_id).agg(newest=moment.max())
        both = listed.left_join(newest, listed.account_id == newest.seen_id)
        since = ibis.literal((as_of - timedelta(days=SILENT_DAYS)).isoformat()).cast("timestamp")
        counts = both.group_by("size").agg(
            never=both.count(where=both.newest.isnull()),
            silent=both.count(where=both.newest.isnull() | (both.newest < since)),
        )
        counted = warehouse.engine.frame(counts).set_index("size")
        silent = {size: float(counted["silent"].get(size, 0) / many[size]) for size in SIZES if size in many}
        found[name] = _quiet(warehouse, name, as_of, silent) | {
            "accounts_without_rows": float(counted["never"].sum() / len(accounts)),
            "silent_accounts": float(counted["silent"].sum() / len(accounts)) if SOURCES[name].event else None,
        }
    return found


def _quiet(warehouse: Warehouse, name: str, as_of: date, silent: Mapping[str, float]) -> dict[str, Any]:
    return {
        "days_since_newest": _days_since(warehouse, name, as_of),
        "accounts_without_rows": None,
        "silent_accounts": None,
        "silent_segments": dict(silent) if SOURCES[name].event else {},
    }


def _days_since(warehouse: Warehouse, name: str, as_of: date) -> int | None:
    """Days from the newest row to `as_of`; negative where the table goes on after it."""
    loaded = warehouse.loaded.get(name)
    return None if loaded is None or loaded.last is None else (as_of - loaded.last).days


def _sizes(frame: pd.DataFrame) -> pd.Series:
    """The size segment of each row of a snapshot."""
    traits = [name for name in SIZED_BY if name in frame.columns]
    rows = frame[traits].to_dict("records")
    sizes = [segment_of({str(name): value for name, value in row.items()}).size for row in rows]
    return pd.Series(sizes, index=frame.index, dtype="object")


def _shares(known: pd.Series, segments: pd.Series | None) -> dict[str, float]:
    """The mean of `known` per size."""
    assert segments is not None
    means = known.groupby(segments).mean()
    return {size: float(means[size]) for size in SIZES if size in means.index}


def with_references(names: tuple[str, ...]) -> dict[str, Feature]:
    """The features of these names and all that they are made of."""
    wanted, found = list(names), dict[str, Feature]()
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = CATALOGUE[name]
            wanted += references(found[name].measure)
    return found
