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
from features.observed import WORKED_OUT, current, persons
from features.readings import readings_schema
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
    """Whether the account may use the feature, and draws its value from it by what was said last."""
    return _entitled(current(entitled).filter(ibis._.current & entitled.critical))


def _entitled(entitled: ir.Table) -> ir.Table:
    """Whether the account may use the feature."""
    return entitled.group_by("account_id", "feature").agg(told=entitled.count() > 0)


def _paid(terms: ir.Table) -> ir.Table:
    """How long ago the account's first paid day was."""
    paid = terms.filter(terms.arr > 0)
    return paid.group_by("account_id").agg(told=paid.starts_age.max())


def _role(contacts: ir.Table) -> ir.Table:
    """What the person is to the account."""
    return persons(contacts).select("account_id", "contact_id", told="role")


def _quota(entitled: ir.Table) -> ir.Table:
    """How much of the feature the account may use in a month."""
    newest = current(entitled).filter(ibis._.current & (entitled.quota > 0))
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
        for rows in (node.rows, node.where, node.by, node.per)
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
