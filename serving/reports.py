"""GRR, NRR and their kin, for the whole book or by who the accounts are."""

from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import pandas as pd

from features.revenue import movement, revenue
from features.segments import SIZES, VALUE_TIERS, number_of, segment_of
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
    """What each account in `moved` was when the book began, or is today if it was not in it; null if in neither.

    2026-11-27: of whom nothing was on record yet when the book began, as after a move to another system, today's record
    speaks, with the ARR of that day: else all of them would be small.
    """
    begun = as_of - timedelta(days=DAYS)
    start = dict(zip(moved["account_id"], moved["start"], strict=True))
    rows = _described(warehouse, [account for account, arr in start.items() if arr > 0], begun)
    rows = {account: row for account, row in rows.items() if number_of(row, "arr") > 0}
    late = moved.loc[(moved[["start", "end"]] > 0).any(axis=1) & ~moved["account_id"].isin(list(rows)), "account_id"]
    for account, row in _described(warehouse, list(late), as_of).items():
        rows[account] = row | ({"arr": start[account]} if start[account] > 0 else {})
    return moved["account_id"].map({account: getattr(segment_of(row), attribute) for account, row in rows.items()})


def _described(warehouse: Warehouse, accounts: list[str], as_of: date) -> dict[str, dict[str, Any]]:
    """The snapshot's row of each account."""
    if not accounts:
        return {}
    spine = pd.DataFrame({"account_id": accounts, "as_of": pd.Timestamp(as_of)})
    records = snapshot(warehouse, spine).to_dict("records")
    return {str(row["account_id"]): {str(name): value for name, value in row.items()} for row in records}
