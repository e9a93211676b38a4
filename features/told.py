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
from features.revenue import with_end
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
    return contacts.group_by("account_id", "contact_id").agg(told=contacts.role.max())


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
    "subscriptions": {"end_age": ("int64", "starts_on")},
    "entitlements": {"current": ("boolean", "feature")},
    "signals": {"strength": ("float64", "value")},
}
"""The columns that follow from a row itself: their type, and the column that they cannot do without."""

_NUMBER = r"^[0-9]+([.][0-9]+)?$"


def observed_on(name: str, rows: ir.Table, as_of: date) -> ir.Table:
    """The rows of the source `name` as observed on a date, with what follows from each row itself."""
    observed = observe(rows, SOURCES[name], as_of)
    if name == "subscriptions":
        return with_end(observed)
    if name == "entitlements":  # a later row about the same feature takes the place of an earlier one
        newest = observed.instant.min().over(group_by=[observed.account_id, observed.feature])
        return observed.mutate(current=observed.instant == newest)
    if name == "signals":  # what is stated as a number; words have no strength
        plain = observed.value.re_search(_NUMBER)
        return observed.mutate(strength=ibis.cases((plain, ibis.cases((plain, observed.value)).cast("float64"))))
    return observed


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
        for rows in (node.rows, node.where, node.by)
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
