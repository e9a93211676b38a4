"""What a company's terms say against each other: one that ended and runs on, one that was renewed and never ended."""

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from features.asof import day_literal
from features.revenue import GRACE_DAYS, stop_of


def end_of(terms: ir.Table) -> ir.Value:
    """When a term stops paying; a column that was not given says nothing."""
    never = ibis.null("timestamp")
    ended = terms.ended_on if "ended_on" in terms.columns else never
    ends = terms.ends_on if "ends_on" in terms.columns else never
    renews = terms.auto_renew if "auto_renew" in terms.columns else ibis.literal(False)
    return stop_of(ended, ends, renews)


def notice_against(terms: ir.Table, as_of: date) -> ir.Table:
    """Notices outside their term, or on one that renewed itself for good; by its agreed end it may yet stop."""
    given = terms.filter(terms.notice_at.notnull())
    passed = ibis.literal(True)
    if "ends_on" in terms.columns:
        passed = given.ends_on.isnull() | (given.ends_on.date() < day_literal(as_of - timedelta(days=GRACE_DAYS)))
    overdue = (given.end.isnull() & passed) | (given.end < given.notice_at) | (given.notice_at < given.starts_on)
    return given.group_by("account_id").agg(rows=given.count(), bad=given.count(where=overdue))


def flag_against_arr(terms: ir.Table) -> ir.Table:
    """A term that is over, or given notice of, and another paid one of the same product that began well before its
    end and runs on well after: whoever moves to a new term has no two of them."""
    notice = terms.notice_at if "notice_at" in terms.columns else ibis.null("timestamp")
    ended = terms.ended_on if "ended_on" in terms.columns else ibis.null("timestamp")
    flagged = terms.filter(ended.notnull() | notice.notnull()).filter(ibis._.end.notnull() & (ibis._.arr > 0))
    month = ibis.interval(days=GRACE_DAYS)
    other = terms.filter(terms.arr > 0).select(
        other_term="subscription_id", other_id="account_id", other_product="product",
        begins=(terms.starts_on + month).cast("timestamp"), lasts=(terms.end - month).cast("timestamp"),
    )  # fmt: skip
    running = flagged.semi_join(
        other,
        [
            flagged.account_id == other.other_id,
            flagged.product == other.other_product,
            flagged.subscription_id != other.other_term,
            flagged.end > other.begins,
            other.lasts.isnull() | (flagged.end < other.lasts),
        ],
    )
    return bad_of(flagged.mutate(rows=1), running.mutate(rows=1))


def renewed_yet_endless(terms: ir.Table, as_of: date) -> ir.Table:
    """Terms that renew themselves and whose agreed end has passed; `bad` are those that another one took over then.

    2026-11-27: an export of renewals without `ended_on` counted both, and told of twice the ARR and of growth that
    never was.
    """
    passed = terms.ends_on.date() < day_literal(as_of - timedelta(days=GRACE_DAYS))
    endless = _products(terms.filter(terms.end.isnull() & (terms.arr > 0) & passed))
    month = ibis.interval(days=GRACE_DAYS)
    others = _products(terms.filter(terms.arr > 0)).select(
        other_term="subscription_id", other_id="account_id", other_product="of_product", begins="starts_on"
    )
    over = endless.semi_join(
        others,
        [
            endless.account_id == others.other_id,
            endless.of_product == others.other_product,
            endless.subscription_id != others.other_term,
            others.begins > endless.ends_on - month,
            others.begins < endless.ends_on + month,
        ],
    )
    return bad_of(endless.mutate(rows=1), over.mutate(rows=1))


def told_twice(terms: ir.Table) -> ir.Table:
    """Paid terms; `bad` are those of which another one says the same under another id."""
    paid = _products(terms.filter(terms.arr > 0))
    same = [paid.account_id, paid.of_product, paid.starts_on, paid.arr]
    again = paid.mutate(place=ibis.row_number().over(group_by=same, order_by=paid.subscription_id))
    return bad_of(paid.mutate(rows=1), again.filter(again.place > 0).mutate(rows=1))


def _products(terms: ir.Table) -> ir.Table:
    product = terms.product.fill_null("") if "product" in terms.columns else ibis.literal("")
    return terms.mutate(of_product=product)


def bad_of(every: ir.Table, bad: ir.Table) -> ir.Table:
    """Per account: how many `rows` of `every` there are, and how many of `bad`; one may stand for several."""
    counted = every.group_by("account_id").agg(rows=every["rows"].sum())
    wrong = bad.group_by(out_id=bad.account_id).agg(bad=bad["rows"].sum())
    joined = counted.left_join(wrong, counted.account_id == wrong.out_id)
    return joined.select("account_id", "rows", bad=joined.bad.fill_null(0))
