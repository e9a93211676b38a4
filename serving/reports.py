"""GRR, NRR and their kin, for the whole book or by who the accounts are."""

from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import pandas as pd

from features.revenue import movement, revenue
from features.segments import SIZES, VALUE_TIERS, segment_of
from features.snapshot import snapshot
from features.warehouse import Warehouse

DAYS = 365


def revenue_rows(warehouse: Warehouse, as_of: date, by: str | None = None) -> list[dict[str, Any]]:
    """One row for all accounts, then one per `segment` (size), value `tier` or start-quarter `cohort`.

    Accounts are sorted into segments and tiers by what was known a year before `as_of`, when the book began: sorting
    by today's would move the shrunken into a lower tier and flatter the upper. Who paid nothing then is sorted by
    today's.
    """
    moved = movement(warehouse, as_of, DAYS)
    rows = [{"group": "all", **asdict(revenue(moved))}]
    if by is None:
        return rows
    if by == "cohort":
        days = [pd.Timestamp(day) for day in moved["first_on"]]
        group = pd.Series([None if pd.isna(day) else f"{day.year} Q{day.quarter}" for day in days], index=moved.index)
        order = sorted(group.dropna().unique())
    else:
        group = _sorted(warehouse, moved, as_of, "size" if by == "segment" else "value_tier")
        order = [*SIZES, *VALUE_TIERS]
    parts = [(name, moved[group == name]) for name in order]
    return rows + [
        {"group": name, **asdict(revenue(part))} for name, part in parts if (part[["start", "end"]] > 0).any(axis=None)
    ]


def _sorted(warehouse: Warehouse, moved: pd.DataFrame, as_of: date, attribute: str) -> pd.Series:
    """What each account in `moved` was when the book began, or is today if it was not in it; null if in neither."""
    begun, today = pd.Timestamp(as_of - timedelta(days=DAYS)), pd.Timestamp(as_of)
    named = moved.loc[(moved["start"] > 0) | (moved["end"] > 0), ["account_id", "start"]]
    spine = named[["account_id"]].assign(as_of=[begun if start > 0 else today for start in named["start"]])
    found = {
        str(row["account_id"]): getattr(segment_of({str(name): value for name, value in row.items()}), attribute)
        for row in snapshot(warehouse, spine.sort_values("as_of", ignore_index=True)).to_dict("records")
    }
    return moved["account_id"].map(found)
