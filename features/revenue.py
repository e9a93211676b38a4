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
    return observed.mutate(end_age=stop_of(observed.ended_age, observed.ends_age, observed.auto_renew))


def stop_of(ended: ir.Value, ends: ir.Value, renews: ir.BooleanValue) -> ir.Value:
    """When a term stops paying: at its actual stop, else at its agreed end unless it renews by itself; null: never."""
    return ibis.cases((ended.notnull(), ended), (~renews.fill_null(False), ends))


def paid_on(term: Rows, age: Any) -> Rows:
    """Whether a term pays on the day that is `age` days before `as_of` (0: `as_of` itself; negative: ahead)."""
    return (term.starts_age >= age) & (term.end_age.isnull() | (term.end_age < age))


def pays_on(term: Rows, age: Any) -> Rows:
    """Whether money is paid for a term on that day: a free one runs, and is not paid for."""
    return paid_on(term, age) & (term.arr > 0)


DRIFT = 3
"""So many days at most is a turn of whole months off for each turn before it, for turns are counted in days."""


def _turned(term: Rows, ran_to: Any) -> Rows:
    """The last agreed end that a term reached by the day that is `ran_to` days ago: at its own length from turn to turn
    if it renews by itself; null if none."""
    since = term.ends_age - ran_to
    turns = _renews(term).ifelse(since // _length(term) * _length(term), 0)
    return ibis.cases((since >= 0, term.ends_age - turns))


def _length(term: Rows) -> Rows:
    return (term.starts_age - term.ends_age).nullif(0)


def _renews(term: Rows) -> Rows:
    return (term.auto_renew & (_length(term) > 0)).fill_null(False)


def _agreed(term: Rows) -> Rows:
    """The agreed end that the end of a term belongs to: that from which it was served on unsigned, no longer than the
    grace period, or the turn that it was meant for; else its end itself.

    2026-11-27: turns are counted in days, so that of a year's term that began before a leap day each later turn lies a
    day before the calendar's; who stopped on that day was taken to have renewed the day before.
    """
    turned = _turned(term, term.end_age)
    over, off = term.ends_age - term.end_age, turned - term.end_age
    bound = ibis.least(DRIFT * ((term.ends_age - turned) // _length(term)), _length(term) // 10)
    return ibis.cases(
        (~_renews(term) & over.between(1, GRACE_DAYS), term.ends_age),
        (off.between(1, bound), turned),  # a term that does not renew by itself has a bound of 0
        else_=term.end_age,
    )


def stops(observed: ir.Table) -> ir.Table:
    """Every churn known in observed terms: (`account_id`, `churned_age`, `agreed_age`).

    An account churns on the first day of a pause in payment longer than `GRACE_DAYS`; a term already signed for
    later ends the pause on its first day. Terms that never paid, or ended on their first day, do not count.
    `agreed_age` is the agreed end that it belongs to (`_agreed`); the same where there is none.
    """
    paying = observed.filter(
        (observed.arr > 0) & (observed.end_age.isnull() | (observed.end_age < observed.starts_age))
    )
    over = paying.filter(paying.end_age.notnull())
    ends = over.group_by("account_id", churned_age=over.end_age).agg(agreed_age=_agreed(over).max())
    other = paying.select(other_id="account_id", starts="starts_age", ends="end_age")
    covered = ends.join(
        other,
        [
            ends.account_id == other.other_id,
            other.starts >= ends.churned_age - GRACE_DAYS,
            other.ends.isnull() | (other.ends < ends.churned_age),
        ],
        how="semi",
    )
    return ends.anti_join(covered, ["account_id", "churned_age"])


def renewals(observed: ir.Table, days: int) -> ir.Table:
    """The accounts of which a paid term came to its agreed end within the last `days`: (`account_id`, `due`, `lost`).

    One that renews by itself comes to it at each turn of its own length. `due` counts terms, `lost` those at whose
    end the account left, by then or, of a term that ran on unsigned, within the grace period. Where nobody can say yet
    whether it left or signs late, nothing was due.

    2026-11-27: the agreed end of a term in whose place another was put is no renewal, and each turn of one that renews
    by itself is, not the first alone; an account that was renewed and left later was renewed.
    """
    paid = observed.filter((observed.arr > 0) & (observed.end_age.isnull() | (observed.end_age < observed.starts_age)))
    ran_to = ibis.greatest(paid.end_age.fill_null(0), 0)
    reached = _turned(paid, ran_to)
    missed = ibis.cases((reached.isnull(), paid.ends_age), (_renews(paid), reached - _length(paid)))
    told = paid.mutate(reached=reached, missed=missed, agreed=_agreed(paid))
    gone = stops(observed).select(gone_id="account_id", gone_age="churned_age")
    told = told.left_join(gone, [told.account_id == gone.gone_id, told.end_age == gone.gone_age])
    left = told.gone_age.notnull()
    at_end = left & (told.agreed == told.reached).fill_null(False)
    before_it = left & ~at_end & told.missed.between(0, days - 1)
    on_time = told.reached.between(0, days - 1)
    settled = ~((at_end | before_it) & (told.gone_age <= GRACE_DAYS)).fill_null(False)
    return told.group_by("account_id").agg(
        due=told.count(where=settled & (on_time | before_it)),
        lost=told.count(where=settled & ((on_time & at_end) | before_it)),
    )


@dataclass(frozen=True)
class Revenue:
    """What became, in a year, of the accounts that paid at its start. Rates are fractions; money is ARR."""

    accounts: int
    arr_start: float
    arr_end: float
    churned_arr: float
    paused_arr: float
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
    """Per account: `start` and `end` ARR of the `days` before `as_of`, `due` and `lost` renewals, first paid day.

    `paused`: it pays nothing on `as_of`, and has not left: its pause is not longer than the grace period, so that a
    late signature may yet end it. All as known before `as_of`.
    """
    known = terms(warehouse, as_of)
    per_account = known.group_by("account_id").agg(
        start=known.arr.sum(where=paid_on(known, days)).fill_null(0.0),
        end=known.arr.sum(where=paid_on(known, 0)).fill_null(0.0),
        first_age=known.starts_age.max(where=known.arr > 0),
    )
    gone = stops(known)
    lost = gone.filter((gone.churned_age >= 0) & (gone.churned_age < days))
    per_account = per_account.left_join(
        lost.group_by("account_id").agg(churned_age=lost.churned_age.min()), "account_id"
    ).drop("account_id_right")
    per_account = per_account.left_join(renewals(known, days), "account_id").drop("account_id_right")
    frame: pd.DataFrame = warehouse.engine.frame(per_account.order_by("account_id"))
    frame[["due", "lost"]] = frame[["due", "lost"]].fillna(0).astype("int64")
    frame["paused"] = (frame["start"] > 0) & (frame["end"] == 0) & ~(frame["churned_age"] > GRACE_DAYS)
    frame["first_on"] = [None if pd.isna(age) else day_of(age, as_of) for age in frame["first_age"]]
    return frame


def revenue(moved: pd.DataFrame) -> Revenue:
    """GRR, NRR and their kin of the accounts in `moved`.

    GRR = sum of min(start, end) / sum of start, so it never exceeds 1; NRR = sum of end / sum of start, both over
    accounts paying at the start. Logo churn = accounts that had left at the end / accounts at the start. Renewal rate
    = accounts that no end of a term lost / accounts of which a term came to its end. Revenue churn = 1 - GRR. LTV =
    mean ARR at the end / revenue churn, the expected lifetime at a constant hazard, before margin. New ARR is that of
    accounts that paid nothing at the start, those won back among them. A rate without a base is None.

    2026-11-27: an account whose term ended within the grace period is counted apart (`paused_arr`): it pays nothing, so
    GRR and NRR are without it, but a late signature is no churn, so nobody can call it lost yet.
    """
    book = moved[moved["start"] > 0]
    start, end = book["start"], book["end"]
    base = float(start.sum())
    kept = float(end.clip(upper=start).sum())
    paused = book["paused"].astype(bool)
    left = (end == 0) & ~paused
    due = book[book["due"] > 0]
    paying = moved.loc[moved["end"] > 0, "end"]
    lost_share = 1 - kept / base if base else None
    return Revenue(
        accounts=len(book),
        arr_start=base,
        arr_end=float(end.sum()),
        churned_arr=float(start[left].sum()),
        paused_arr=float(start[paused].sum()),
        contraction_arr=float((start - end)[end > 0].clip(lower=0).sum()),
        expansion_arr=float((end - start).clip(lower=0).sum()),
        new_arr=float(moved.loc[moved["start"] == 0, "end"].sum()),
        grr=kept / base if base else None,
        nrr=float(end.sum()) / base if base else None,
        logo_churn=float(left.mean()) if len(book) else None,
        revenue_churn=lost_share,
        renewals_due=len(due),
        renewal_rate=float((due["lost"] == 0).mean()) if len(due) else None,
        ltv=float(paying.mean()) / lost_share if lost_share and len(paying) else None,
    )
