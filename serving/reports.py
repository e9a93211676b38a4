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
    by today's would move the shrunken into a lower tier and flatter the upper.
    """
    moved = movement(warehouse, as_of, DAYS)
    rows = [{"group": "all", **asdict(revenue(moved))}]
    if by is None:
        return rows
    if by == "cohort":
        group = pd.Series(
            [f"{pd.Timestamp(day).year} Q{pd.Timestamp(day).quarter}" for day in moved["first_on"]], index=moved.index
        )
    else:
        start = as_of - timedelta(days=DAYS)
        spine = moved.loc[moved["start"] > 0, ["account_id"]].assign(as_of=pd.Timestamp(start))
        segments = {
            str(row["account_id"]): segment_of({str(name): value for name, value in row.items()})
            for row in snapshot(warehouse, spine).to_dict("records")
        }
        attribute = "size" if by == "segment" else "value_tier"
        group = moved["account_id"].map(lambda one: getattr(segments[one], attribute) if one in segments else "new")
    order = sorted(set(group) - {"new"}) if by == "cohort" else [*SIZES, *VALUE_TIERS]
    parts = [(name, moved[group == name]) for name in order]
    return rows + [{"group": name, **asdict(revenue(part))} for name, part in parts if (part["start"] > 0).any()]
