"""A CSM's ranked briefs with totals."""

from dataclasses import dataclass
from datetime import date

from serving.brief import Brief


@dataclass(frozen=True)
class Totals:
    """Sums over every brief that fits the filters, not only those on the page. Money is ARR.

    2026-11-27: what is at stake in an outcome that is not served is None: unknown, and not nothing.
    """

    accounts: int
    arr: float
    arr_at_risk: float | None
    arr_to_grow: float | None
    arr_to_shrink: float | None
    by_tier: dict[str, int]


@dataclass(frozen=True)
class Book:
    """Briefs in rank order, and `next_cursor` where there are more.

    `outcomes` are the outcomes that are served; `withheld` says per missing outcome why there is not enough to say.
    `noticed` accounts with `noticed_arr` have given notice and are in no brief, whatever the filters.
    """

    as_of: date | None
    briefs: tuple[Brief, ...]
    totals: Totals
    owners: tuple[str, ...]
    outcomes: tuple[str, ...]
    withheld: dict[str, str]
    next_cursor: str | None
    noticed: int = 0
    noticed_arr: float = 0.0
