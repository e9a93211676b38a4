"""What other rows say of a row: a use whether its feature bears the value, an answer who gave it.

A told column is asked for where a measure reads it, and only the rows of that measure are joined for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir

from features.asof import observe, observed_name
from features.measure import Measure
from features.readings import readings_schema
from features.revenue import paid_on, with_end
from features.source import TYPES, Kind
from features.sources import SOURCES
from features.warehouse import Warehouse


@dataclass(frozen=True)
class Told:
    """A column that observed rows get from the rows of the source `by`, as known on the same date.

    `reads` are the columns that `by` must have for it, `own` those that the rows themselves must have; `match` the
    observed columns on which the two meet, beside the account. `says` makes the column, by account and `match`, of
    the observed rows of `by`.
    """

    type: str
    by: str
    says: Callable[[ir.Table], ir.Table]
    reads: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    match: tuple[str, ...] = ()


def _critical(entitled: ir.Table) -> ir.Table:
    """Whether the account may use the feature, and was known to draw its value from it."""
    return _entitled(entitled.filter(entitled.critical))


def _entitled(entitled: ir.Table) -> ir.Table:
    """Whether the account may use the feature."""
    return entitled.group_by("account_id", "feature").agg(told=entitled.count() > 0)


def _paid(terms: ir.Table) -> ir.Table:
    """How long ago the account's first paid day was."""
    paid = terms.filter(terms.arr > 0)
    return paid.group_by("account_id").agg(told=paid.starts_age.max())


def _role(contacts: ir.Table) -> ir.Table:
    """What the person is to the account."""
    return _persons(contacts).select("account_id", "contact_id", told="role")


def _quota(entitled: ir.Table) -> ir.Table:
    """How much of the feature the account may use in a month."""
    newest = _current(entitled).filter(ibis._.current & (entitled.quota > 0))
    return newest.group_by("account_id", "feature").agg(told=newest.quota.max())


def _met(touchpoints: ir.Table) -> ir.Table:
    """How long ago the person last answered or came."""
    met = touchpoints.filter(touchpoints.two_way | touchpoints.attended)
    return met.group_by("account_id", "contact_id").agg(told=met.event_age.min())


_PAID = Told("int64", "subscriptions", _paid)
_ROLE = Told("string", "contacts", _role, reads=("role",), own=("contact_id",), match=("contact_id",))

TOLD: Mapping[str, Mapping[str, Told]] = {
    "usage": {
        "critical": Told("boolean", "entitlements", _critical, ("critical",), own=("feature",), match=("feature",)),
        "entitled": Told("boolean", "entitlements", _entitled, own=("feature",), match=("feature",)),
        "quota": Told("float64", "entitlements", _quota, ("quota",), own=("feature",), match=("feature",)),
        "paid_age": _PAID,
    },
    "surveys": {"role": _ROLE, "paid_age": _PAID},
    "touchpoints": {"role": _ROLE},
    "contacts": {
        "met_age": Told(
            "int64", "touchpoints", _met, reads=("contact_id", "two_way", "attended"), match=("contact_id",)
        )
    },
}
"""The columns that rows of a source get from another source, by source and name."""

WORKED_OUT: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "subscriptions": {
        "end_age": ("int64", "starts_on"),
        "first": ("boolean", "starts_on"),
        "renews_age": ("int64", "ends_on"),
        "follows": ("boolean", "ends_on"),
    },
    "entitlements": {"current": ("boolean", "feature")},
    "tickets": {
        "open": ("boolean", "resolved_at"),
        "resolved_at_after": ("float64", "resolved_at"),
        "first_response_at_after": ("float64", "first_response_at"),
    },
    "contacts": {"role_changed_age": ("int64", "role")},
    "signals": {"strength": ("float64", "value")},
}
"""The columns that follow from a row itself: their type, and the column that they cannot do without."""

_NUMBER = r"^[0-9]*[.,]?[0-9]+([eE][-+]?[0-9]+)?$"


def observed_on(name: str, rows: ir.Table, as_of: date) -> ir.Table:
    """The rows of the source `name` as observed on a date, with what follows from each row itself."""
    source = SOURCES[name]
    if name == "tickets":
        rows = _timed(rows)
    observed = observe(rows, source, as_of)
    return _WORKED_OUT_BY[name](observed) if name in _WORKED_OUT_BY else observed


def _timed(tickets: ir.Table) -> ir.Table:
    """How many days, and parts of one, after its opening a ticket was answered and solved; learnt when that came."""
    given = [name for name in ("first_response_at", "resolved_at") if name in tickets.columns]
    opened = tickets.event_at.epoch_seconds()
    return tickets.mutate(**{f"{name}_after": (tickets[name].epoch_seconds() - opened) / 86_400 for name in given})


def _open(tickets: ir.Table) -> ir.Table:
    """A ticket is open that was never solved, or was opened again on a later day than it was solved."""
    again = (tickets.reopened_age < tickets.resolved_age).fill_null(False)
    return tickets.mutate(open=tickets.resolved_age.isnull() | again)


def _used(usage: ir.Table) -> ir.Table:
    """A bundle of no events is no use."""
    return usage.filter(usage.quantity != 0)


FOLLOWS = 30
"""A term that begins within so many days of a running one's end goes on from it; further off it is another thing."""


def _terms(terms: ir.Table) -> ir.Table:
    """Which term was the first, when each ends next, and whether it goes on from one that runs.

    One that renews by itself ends next at the next turn of its own length.
    """
    terms = with_end(terms)
    paid = terms.arr > 0
    length = (terms.starts_age - terms.ends_age).nullif(0)
    turned = terms.ends_age - (terms.ends_age // length + 1) * length
    renews = ibis.cases((terms.ends_age < 0, terms.ends_age), (terms.auto_renew & (length > 0), turned))
    since = ibis.cases((paid, terms.starts_age)).max().over(group_by=terms.account_id)
    terms = terms.mutate(renews_age=renews, first=terms.starts_age == since)
    runs = paid_on(terms, 0) & (terms.arr > 0)
    ends = ibis.cases((runs, terms.renews_age)).max().over(group_by=[terms.account_id, terms["product"]])
    ahead = (terms.starts_age < 0) & (terms.arr > 0)
    return terms.mutate(follows=ahead & (terms.starts_age >= ends - FOLLOWS) & (terms.starts_age <= ends + FOLLOWS))


def _current(entitled: ir.Table) -> ir.Table:
    """A later row about the same feature takes the place of an earlier one."""
    newest = entitled.instant.min().over(group_by=[entitled.account_id, entitled.feature])
    return entitled.mutate(current=entitled.instant == newest)


def _persons(contacts: ir.Table) -> ir.Table:
    """One row a person: whatever was known last speaks, whichever vendor said it; and when the role last changed."""
    told = [contacts[name].fill_null("") for name in ("provider", "role", "title")]
    newest = ibis.window(
        group_by=[contacts.account_id, contacts.contact_id], order_by=[contacts.known_age, contacts.instant, *told]
    )
    changed = ibis.cases((contacts.role != contacts.role.lead().over(newest), contacts.known_age))
    contacts = contacts.mutate(place=ibis.row_number().over(newest), changed=changed)
    contacts = contacts.mutate(
        role_changed_age=contacts.changed.min().over(group_by=[contacts.account_id, contacts.contact_id])
    )
    return contacts.filter(contacts.place == 0).drop("place", "changed")


def _stated(signals: ir.Table) -> ir.Table:
    """What is stated as a number, `0.3`, `30` or `30%`, is a share of what is certain; words have no strength."""
    text = signals.value.replace("%", "").strip()
    plain = text.re_search(_NUMBER)
    number = ibis.cases((plain, ibis.cases((plain, text.replace(",", "."))).cast("float64")))
    hundredths = signals.value.contains("%") | (number > 1)
    return signals.mutate(strength=ibis.cases((hundredths, number / 100), else_=number))


_WORKED_OUT_BY: Mapping[str, Callable[[ir.Table], ir.Table]] = {
    "subscriptions": _terms,
    "entitlements": _current,
    "tickets": _open,
    "usage": _used,
    "contacts": _persons,
    "signals": _stated,
}


def told_apart(warehouse: Warehouse, name: str, rows: ir.Table, columns: frozenset[str], as_of: date) -> ir.Table:
    """Observed rows of the source `name` with the told `columns`, by what was known of the telling rows on the date."""
    for column in sorted(columns):
        told = TOLD[name][column]
        telling = told.says(observe(warehouse.tables[told.by], SOURCES[told.by], as_of))
        telling = telling.rename({f"of_{key}": key for key in ("account_id", *told.match)} | {column: "told"})
        same = [rows[key] == telling[f"of_{key}"] for key in ("account_id", *told.match)]
        rows = rows.left_join(telling, same).drop(*(f"of_{key}" for key in ("account_id", *told.match)))
    return rows


def columns_read(source: str, node: Measure) -> frozenset[str]:
    """The observed, read and told columns that an aggregate's own expressions ask for."""
    blank = _blank(source)
    return frozenset(
        field.name
        for rows in (node.rows, node.where, *(node.by if isinstance(node.by, list) else [node.by]), node.per)
        if rows is not None
        for field in rows.resolve(blank).op().find(ops.Field)
    )


@cache
def _blank(source: str) -> ir.Table:
    """A table of the observed source's columns, of no engine."""
    columns = SOURCES[source].columns
    schema = {observed_name(one): "int64" if one.kind is Kind.TIME else TYPES[one.kind] for one in columns}
    schema |= {"instant": "int64", "event_age": "int64"} | readings_schema(source)
    schema |= {name: kind for name, (kind, _) in WORKED_OUT.get(source, {}).items()}
    schema |= {name: told.type for name, told in TOLD.get(source, {}).items()}
    return ibis.table(schema, name="blank")
