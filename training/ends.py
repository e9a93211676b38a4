"""Agreed ends that were written over with the actual stop: whoever is about to leave then seems to have agreed to."""

from collections.abc import Iterator
from datetime import date

import ibis
import ibis.expr.types as ir

from features.asof import day_literal, known_before
from features.sources import SOURCES
from features.warehouse import Warehouse
from training.backtest import MIN_ACCOUNTS
from training.gap import difference
from training.leak import Leak
from training.terms import end_of

NEARLY_ALL = 0.90
"""Of the accounts that left, so many did so on the day that their last term names as its agreed end."""
ODD_ENDS = 0.20
"""By so much more, by the lower end of the interval, those ends lie no whole months after any start of the account
than others do: it is told. Honest: 0 of 329 and of 38 to 54 accounts in four simulated companies and a public one;
where the stop was written over the agreed end of all who left, 0.31 to 0.45 of 95 to 124."""
LEAK_ENDS = 0.50
"""From here on it refuses. Below, bridging terms and pilots of odd lengths may be what was agreed."""


def end_leaks(warehouse: Warehouse, until: date) -> Iterator[Leak]:
    """What is known before `until` of those who left, held against the agreed ends of all who pay on."""
    rows = known_before(warehouse.tables["subscriptions"], SOURCES["subscriptions"], until)
    if "ends_on" not in rows.columns:
        return
    counts = warehouse.engine.frame(_counts(rows, until)).fillna(0)
    found = {str(name): int(counts[name].iloc[0]) for name in counts}
    left, on_end, others = found["left"], found["on_end"], found["others"]
    if min(on_end, others) < MIN_ACCOUNTS or on_end < NEARLY_ALL * left:
        return
    share, usual = found["odd"] / on_end, found["odd_terms"] / found["terms"]
    gap = difference(share, on_end, usual, others)
    if gap.low >= ODD_ENDS:
        yield Leak(
            "subscriptions.ends_on",
            "churn",
            f"is the day of the stop for {on_end} of {left} accounts that left, and for {share:.0%} of those no whole "
            f"month after any of their starts ({usual:.1%} of the other terms): the stop seems to have been written "
            "over the agreed end; map the end as it was agreed, and the stop to ended_on, with ended_known_at",
            "end",
            "subscriptions",
            share,
            refuses=gap.low >= LEAK_ENDS,
        )


def _counts(rows: ir.Table, until: date) -> ir.Table:
    """One row: the accounts that `left`, those `on_end` of which left on an agreed end, and those of which that end is
    `odd`; of `others`, their `terms` with an agreed end and the `odd_terms` among these."""
    paid = rows.filter(rows.arr > 0).mutate(end=end_of(rows))
    runs_on = paid.end.isnull() | (paid.end.date() >= day_literal(until))
    ends = paid.group_by(left_id=paid.account_id).agg(last=paid.end.max(), running=paid.count(where=runs_on))
    terms = paid.filter(paid.ends_on.notnull()).select("subscription_id", "account_id", "ends_on")
    starts = paid.select("starts_on", start_id="account_id").distinct()
    whole = terms.join(starts, terms.account_id == starts.start_id)
    whole = whole.filter(_whole_months(whole.starts_on, whole.ends_on)).select(whole_id="subscription_id").distinct()
    told = terms.left_join(whole, terms.subscription_id == whole.whole_id)
    both = told.right_join(ends, told.account_id == ends.left_id)
    on_end, odd = both.ends_on.date() == both["last"].date(), both.ends_on.notnull() & both.whole_id.isnull()
    each = both.group_by("left_id", "running").agg(
        on_end=both.count(where=on_end),
        odd=both.count(where=on_end & odd),
        terms=both.count(where=both.ends_on.notnull()),
        odd_terms=both.count(where=odd),
    )
    gone, stays = each.running == 0, each.running > 0
    return each.agg(
        left=each.count(where=gone),
        on_end=each.count(where=gone & (each.on_end > 0)),
        odd=each.count(where=gone & (each.odd > 0)),
        others=each.count(where=stays & (each.terms > 0)),
        terms=each.terms.sum(where=stays),
        odd_terms=each.odd_terms.sum(where=stays),
    )


def _whole_months(since: ir.Value, end: ir.Value) -> ir.BooleanValue:
    """Whether an end lies whole months after a start, give or take a day; the last days of all months are alike."""
    first, last = since.day(), end.day()
    apart = (first - last).abs()
    alike = (apart <= 1) | (apart >= 27) | ((first >= 28) & (last >= 28))
    return alike & (end > since + ibis.interval(days=7))
