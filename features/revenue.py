"""Recurring revenue: what an account pays on a day, when it stopped, and what a book of accounts kept and grew.

Labels and reports share these definitions. A term pays from `starts_on` until its end, the end day itself not
included; the end is `ended_on` if set, else `ends_on` unless it renews by itself, else never.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.asof import day_of, observe
from features.measure import Rows
from features.sources import SOURCES
from features.warehouse import Warehouse

GRACE_DAYS = 30
"""A pause in payment up to this long is a late signature, not a churn (SOURCES)."""


def terms(warehouse: Warehouse, as_of: date) -> ir.Table:
    """The subscription terms as known before `as_of`, with `end_age` (null: no end is known)."""
    return with_end(observe(warehouse.tables["subscriptions"], SOURCES["subscriptions"], as_of))


def with_end(observed: ir.Table) -> ir.Table:
    """Observed terms and their `end_age`."""
    renews = observed.auto_renew.fill_null(False)
    return observed.mutate(
        end_age=ibis.cases(
            (observed.ended_age.notnull(), observed.ended_age),
            (~renews, observed.ends_age),
        )
    )


def paid_on(term: Rows, age: Any) -> Rows:
    """Whether a term pays on the day that is `age` days before `as_of` (0: `as_of` itself; negative: ahead)."""
    return (term.starts_age >= age) & (term.end_age.isnull() | (term.end_age < age))


def pays_on(term: Rows, age: Any) -> Rows:
    """Whether money is paid for a term on that day: a free one runs, and is not paid for."""
    return paid_on(term, age) & (term.arr > 0)


def stops(observed: ir.Table, grace_days: int = GRACE_DAYS) -> ir.Table:
    """Every churn known in observed terms: (`account_id`, `churned_age`).

    An account churns on the first day of a pause in payment longer than `grace_days`; a term already signed for
    later ends the pause on its first day. Terms that never paid, or ended on their first day, do not count.
    """
    paying = observed.filter(
        (observed.arr > 0) & (observed.end_age.isnull() | (observed.end_age < observed.starts_age))
    )
    ends = paying.filter(paying.end_age.notnull()).select(account_id="account_id", churned_age="end_age").distinct()
    other = paying.select(other_id="account_id", starts="starts_age", ends="end_age")
    covered = ends.join(
        other,
        [
            ends.account_id == other.other_id,
            other.starts >= ends.churned_age - grace_days,
            other.ends.isnull() | (other.ends < ends.churned_age),
        ],
        how="semi",
    )
    return ends.anti_join(covered, ["account_id", "churned_age"])


@dataclass(frozen=True)
class Revenue:
    """What became, in a year, of the accounts that paid at its start. Rates are fractions; money is ARR."""

    accounts: int
    arr_start: float
    arr_end: float
    churned_arr: float
    contraction_arr: float
    expansion_arr: float
    new_arr: float
    grr: float | None
    nrr: float | None
    logo_churn: float | None
    revenue_churn: float | None
    renewals_due: int
    renewal_rate: float | None
    ltv: float | None


def movement(warehouse: Warehouse, as_of: date, days: int = 365) -> pd.DataFrame:
    """Per account: `start` and `end` ARR of the `days` before `as_of`, `due` and `renewed` terms, first start.

    All as known before `as_of`.
    """
    known = terms(warehouse, as_of)
    ended = (known.ends_age >= 0) & (known.ends_age < days) & (known.arr > 0)
    per_account = known.group_by("account_id").agg(
        start=known.arr.sum(where=paid_on(known, days)).fill_null(0.0),
        end=known.arr.sum(where=paid_on(known, 0)).fill_null(0.0),
        due=known.count(where=ended),
        first_age=known.starts_age.max(),
    )
    gone = stops(known)
    lost = gone.filter((gone.churned_age >= 0) & (gone.churned_age < days))
    per_account = per_account.left_join(
        lost.group_by("account_id").agg(churned_age=lost.churned_age.min()), "account_id"
    ).drop("account_id_right")
    frame: pd.DataFrame = warehouse.engine.frame(per_account.order_by("account_id"))
    frame["first_on"] = [day_of(age, as_of) for age in frame["first_age"]]
    return frame


def revenue(moved: pd.DataFrame) -> Revenue:
    """GRR, NRR and their kin of the accounts in `moved`.

    GRR = sum of min(start, end) / sum of start, so it never exceeds 1; NRR = sum of end / sum of start, both over
    accounts paying at the start. Logo churn = accounts at zero at the end / accounts at the start. Renewal rate =
    accounts that kept paying / accounts of which a term ran out. LTV = mean ARR at the end / revenue churn, the
    expected lifetime at a constant hazard, before margin. A rate without a base is None.
    """
    book = moved[moved["start"] > 0]
    start, end = book["start"], book["end"]
    base = float(start.sum())
    kept = float(end.clip(upper=start).sum())
    churned = float(start[end == 0].sum())
    due = book[book["due"] > 0]
    paying = moved.loc[moved["end"] > 0, "end"]
    lost_share = 1 - kept / base if base else None
    return Revenue(
        accounts=len(book),
        arr_start=base,
        arr_end=float(end.sum()),
        churned_arr=churned,
        contraction_arr=float((start - end)[end > 0].clip(lower=0).sum()),
        expansion_arr=float((end - start).clip(lower=0).sum()),
        new_arr=float(moved.loc[moved["start"] == 0, "end"].sum()),
        grr=kept / base if base else None,
        nrr=float(end.sum()) / base if base else None,
        logo_churn=float((end == 0).mean()) if len(book) else None,
        revenue_churn=lost_share,
        renewals_due=len(due),
        renewal_rate=float((due["end"] > 0).mean()) if len(due) else None,
        ltv=float(paying.mean()) / lost_share if lost_share and len(paying) else None,
    )
