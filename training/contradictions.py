"""Sources that cannot both be right about the same account: how often, of whom, and what would mend it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.asof import day_literal, known_before
from features.revenue import GRACE_DAYS
from features.sources import SOURCES
from features.warehouse import Warehouse
from training.terms import bad_of, end_of, flag_against_arr, notice_against, renewed_yet_endless, told_twice

WORST_SHARE = 0.25
"""A contradiction about who pays when, in more than this share of rows, makes the tables unusable: no label from them
is true."""
MANY_SEATS = 5
"""So many different users a seat in four weeks are another account's users, or seats that were never entered."""
LONG_GONE_DAYS = 30 + GRACE_DAYS
"""Use, answers and bills trail a stop by a month or so; later than this after it, they deny it."""
USED_DAYS = 5
"""Use on so many days long after a stop is use; on fewer it is somebody fetching an export."""
EXAMPLES = 3
UNDATED = (
    ("tickets", "rating", "ratings of tickets"),
    ("surveys", "score", "scores of surveys"),
    ("surveys", "comment", "comments of surveys"),
    ("goals", "progress", "steps of progress on goals"),
    ("opportunities", "won", "conversations won"),
)
"""Values that are never seen while the date on which they were learnt is empty. Not among them: what an open
conversation is about."""


@dataclass(frozen=True)
class Contradiction:
    """Two sources that cannot both be right: `rows` of `of` rows, in words, with the accounts most concerned.

    `labels`: it makes the outcomes themselves doubtful, so that too much of it refuses a training.
    """

    name: str
    rows: int
    of: int
    words: str
    examples: tuple[str, ...] = ()
    cure: str = ""
    labels: bool = True

    @property
    def share(self) -> float:
        return self.rows / self.of if self.of else 0.0


def contradictions_in(warehouse: Warehouse, as_of: date) -> list[Contradiction]:
    """Every pair of sources that may disagree about the same account, by what was known before `as_of`.

    Each is counted by the engine in one grouped pass; `rows` is 0 where the two agree.
    """
    return [
        _counted(warehouse, per_account, Contradiction(name, 0, 0, words, (), cure, labels))
        for name, labels, words, cure, per_account in _all(warehouse, as_of)
    ]


def refusals(contradictions: list[Contradiction]) -> list[str]:
    """The contradictions too large to learn from, in words."""
    return [
        f"{found.words}: {found.share:.0%} ({found.rows:,} of {found.of:,})"
        for found in contradictions
        if found.labels and found.share > WORST_SHARE
    ]


def _counted(warehouse: Warehouse, per_account: ir.Table, blank: Contradiction) -> Contradiction:
    """`per_account`: `account_id`, `bad` and `rows`. One query: sums over all, and the worst accounts."""
    summed = per_account.mutate(all_bad=per_account.bad.sum().over(), all_rows=per_account["rows"].sum().over())
    worst: pd.DataFrame = warehouse.engine.frame(
        summed.order_by([summed.bad.desc(), summed.account_id]).limit(EXAMPLES)
    )
    if worst.empty:
        return blank
    return Contradiction(
        blank.name,
        int(worst["all_bad"].iloc[0]),
        int(worst["all_rows"].iloc[0]),
        blank.words,
        tuple(str(account) for account in worst.loc[worst["bad"] > 0, "account_id"]),
        blank.cure,
        blank.labels,
    )


Found = tuple[str, bool, str, str, ir.Table]


def _all(warehouse: Warehouse, as_of: date) -> Iterator[Found]:
    """(name, whether it concerns labels, words, cure, per account: bad and all rows) of what can be asked."""
    tables = {name: known_before(rows, SOURCES[name], as_of) for name, rows in warehouse.tables.items()}
    terms = tables["subscriptions"].mutate(end=end_of(tables["subscriptions"]))
    if "usage" in tables:
        yield (
            *("usage outside subscriptions", True, "usage on days without a running term"),
            "check that terms are complete and usage carries the account that pays, not a trial or another account",
            _usage_outside(tables["usage"], terms),
        )
        yield (
            *("usage after churn", True, "accounts without a term that go on using the product"),
            "check the ends of their terms: a renewal may be missing",
            _usage_after(tables["usage"], terms),
        )
    if "tickets" in tables:
        yield (
            *("tickets before sign-up", True, "tickets opened before the account's first term"),
            "check the starts of terms and the account ids of tickets",
            _tickets_before(tables["tickets"], terms),
        )
    if "notice_at" in terms.columns:
        yield (
            "notice against the term", True, "notices of cancellation outside their term, or on a term that never ends",
            "give the term its end, and notice_at the day on which notice was given",
            notice_against(terms, as_of),
        )  # fmt: skip
    if "product" in terms.columns:
        yield (
            "churn flag against ARR", True, "terms ended or under notice while another of the same product runs on",
            "end the superseded term where the next one begins, or take back its end",
            flag_against_arr(terms),
        )  # fmt: skip
    if "ends_on" in terms.columns:
        yield (
            "renewed, yet never ended", True, "self-renewing terms that another one took over and that never ended",
            "give the earlier term its ended_on: until then both are counted as paid",
            renewed_yet_endless(terms, as_of),
        )  # fmt: skip
    yield (
        "terms told twice", False, "paid terms of the same start, product and ARR as another of the account",
        "keep one of them, unless the account pays for both",
        told_twice(terms),
    )  # fmt: skip
    if "usage" in tables and "seats" in terms.columns and "user_id" in tables["usage"].columns:
        yield (
            "seats used beyond seats paid", False, f"accounts with more than {MANY_SEATS} users a seat in four weeks",
            "check subscriptions.seats, and that user_id names a person, not a session or a device",
            _seats_beyond(tables["usage"], terms, min(warehouse.last_day, as_of - timedelta(days=1))),
        )  # fmt: skip
    if "invoices" in tables:
        yield (
            "invoices without a term", False, "bills while nothing is paid for",
            "check that terms are complete, and that credits are told apart by invoices.kind",
            _invoices_without(tables["invoices"], terms),
        )  # fmt: skip
    if "surveys" in tables and "answered_at" in tables["surveys"].columns:
        yield (
            "answers after churn", False, f"survey answers later than {LONG_GONE_DAYS} days after the last term",
            "check the ends of terms and the account ids of surveys",
            _answers_after(tables["surveys"], terms),
        )  # fmt: skip
    people, talks = tables.get("contacts"), tables.get("touchpoints")
    if people is not None and "left_at" in people.columns and talks is not None and "two_way" in talks.columns:
        yield (
            "everybody left, yet they answer", False, "accounts that answer though every known contact has left",
            "add the contacts that are missing, or mend contacts.left_at",
            _nobody_there(people, talks),
        )  # fmt: skip
    for name in ("touchpoints", "surveys"):
        if people is not None and name in tables and "contact_id" in tables[name].columns:
            yield (
                f"{name} with nobody known", False, f"{name} whose contact_id no contact of the account has",
                f"add the contacts that are missing, and write contact_id alike in contacts and {name}",
                _with_nobody(tables[name], people),
            )  # fmt: skip
    for name, column, what in UNDATED:
        learnt_at = SOURCES[name].column(column).learnt_at
        if name in tables and {column, learnt_at} <= set(tables[name].columns):
            yield (
                f"{name}.{column} without {learnt_at}", False, f"{what} of which nobody says when",
                f"give {name}.{learnt_at} its moment: without it they count as never given",
                _undated(tables[name], column, str(learnt_at)),
            )  # fmt: skip


def _outside(days: ir.Table, terms: ir.Table, slack: int = 0) -> ir.Table:
    """Rows (`account_id`, `day`, `rows`) as per-account counts: `bad` lie on days without a term, give or take
    `slack` days."""
    paid = terms.select(paid_id="account_id", since=terms.starts_on.date(), until=terms.end.date())
    near = ibis.interval(days=slack)
    outside: ir.Table = days.anti_join(
        paid,
        [
            days.account_id == paid.paid_id,
            days.day >= (paid.since - near).cast("date"),
            paid.until.isnull() | (days.day <= (paid.until + near).cast("date")),
        ],
    )
    return bad_of(days, outside)


def _usage_outside(usage: ir.Table, terms: ir.Table) -> ir.Table:
    daily = usage.group_by("account_id", day=usage.event_at.date()).agg(rows=ibis._.count())
    return _outside(daily, terms)


def _gone(terms: ir.Table) -> ir.Table:
    """Accounts of which no term runs on: (`gone_id`, `gone`), the day of the last end, and a while later `late`."""
    ends = terms.group_by("account_id").agg(gone=terms.end.max(), endless=terms.count(where=terms.end.isnull()))
    ends = ends.filter(ends.endless == 0)
    late = (ends.gone.date() + ibis.interval(days=LONG_GONE_DAYS)).cast("date")
    return ends.select(gone_id="account_id", late=late)


def _usage_after(usage: ir.Table, terms: ir.Table) -> ir.Table:
    gone = _gone(terms)
    daily = usage.select("account_id", day=usage.event_at.date()).distinct()
    both = gone.left_join(daily, gone.gone_id == daily.account_id)
    used = both.group_by(account_id=both.gone_id).agg(days=both.count(where=both.day > both.late))
    return used.select("account_id", rows=ibis.literal(1), bad=(used.days >= USED_DAYS).ifelse(1, 0))


def _answers_after(surveys: ir.Table, terms: ir.Table) -> ir.Table:
    gone = _gone(terms)
    answers = surveys.filter(surveys.answered_at.notnull()).select("account_id", day=surveys.answered_at.date())
    both = answers.left_join(gone, answers.account_id == gone.gone_id)
    return both.group_by("account_id").agg(rows=both.count(), bad=both.count(where=both.day > both.late))


def _tickets_before(tickets: ir.Table, terms: ir.Table) -> ir.Table:
    first = terms.group_by(first_id=terms.account_id).agg(since=terms.starts_on.min())
    opened = tickets.select("account_id", day=tickets.event_at.date())
    both = opened.left_join(first, opened.account_id == first.first_id)
    early = both.since.isnull() | (both.day < both.since.date())
    return both.group_by("account_id").agg(rows=both.count(), bad=both.count(where=early))


def _seats_beyond(usage: ir.Table, terms: ir.Table, last_day: date) -> ir.Table:
    """Different users in the four weeks up to a day against the seats of the terms that run on it."""
    last = day_literal(last_day)
    running = terms.filter((terms.starts_on.date() <= last) & (terms.end.isnull() | (terms.end.date() > last)))
    paid = running.group_by(paid_id=running.account_id).agg(seats=running.seats.sum())
    paid = paid.filter(paid.seats > 0)
    recent = usage.filter(usage.event_at.date() > (last - ibis.interval(days=28)).cast("date"))
    users = recent.filter(recent.user_id.notnull()).select("account_id", "user_id").distinct()
    used = users.group_by("account_id").agg(users=users.count())
    both = used.join(paid, used.account_id == paid.paid_id)
    return both.select("account_id", rows=ibis.literal(1), bad=(both.users > MANY_SEATS * both.seats).ifelse(1, 0))


def _invoices_without(invoices: ir.Table, terms: ir.Table) -> ir.Table:
    billed = invoices
    if "kind" in invoices.columns:
        billed = billed.filter(billed.kind.isnull() | (billed.kind != "credit"))
    if "amount" in invoices.columns:
        billed = billed.filter(billed.amount.isnull() | (billed.amount > 0))
    daily = billed.group_by("account_id", day=billed.event_at.date()).agg(rows=billed.count())
    return _outside(daily, terms.filter(terms.arr > 0), LONG_GONE_DAYS)


def _nobody_there(contacts: ir.Table, touchpoints: ir.Table) -> ir.Table:
    left = contacts.group_by("account_id").agg(
        gone=contacts.left_at.max(), here=contacts.count(where=contacts.left_at.isnull())
    )
    late = (left.gone.date() + ibis.interval(days=GRACE_DAYS)).cast("date")
    left = left.select(left_id="account_id", late=ibis.cases((left.here == 0, late)))
    spoke = touchpoints.filter(touchpoints.two_way.fill_null(False))
    spoke = spoke.select("account_id", day=spoke.event_at.date())
    both = left.left_join(spoke, left.left_id == spoke.account_id)
    answered = both.group_by(account_id=both.left_id).agg(after=both.count(where=both.day > both.late))
    return answered.select("account_id", rows=ibis.literal(1), bad=(answered.after > 0).ifelse(1, 0))


def _with_nobody(rows: ir.Table, contacts: ir.Table) -> ir.Table:
    named = rows.filter(rows.contact_id.notnull()).select("account_id", "contact_id")
    known = contacts.select(of_id="account_id", known_id="contact_id").distinct()
    both = named.left_join(known, [named.account_id == known.of_id, named.contact_id == known.known_id])
    return both.group_by("account_id").agg(rows=both.count(), bad=both.count(where=both.known_id.isnull()))


def _undated(rows: ir.Table, column: str, learnt_at: str) -> ir.Table:
    """Values against those without a date; a goal on which nothing was done yet, and a talk not won, have none."""
    cell = rows[column]
    there = cell if cell.type().is_boolean() else cell > 0 if column == "progress" else cell.notnull()
    said = rows.filter(there)
    return said.group_by("account_id").agg(rows=said.count(), bad=said.count(where=said[learnt_at].isnull()))
