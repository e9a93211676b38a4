"""What other rows say of a row: a term its end, a use whether its feature bears the value."""

from collections.abc import Mapping
from datetime import date

import ibis.expr.types as ir

from features.asof import observe
from features.revenue import with_end
from features.sources import SOURCES
from features.warehouse import Warehouse

TOLD: Mapping[str, tuple[str, ...]] = {"usage": ("critical",)}
"""Columns that observed rows of a source get from another source."""


def told_apart(warehouse: Warehouse, name: str, rows: ir.Table, as_of: date) -> ir.Table:
    """Observed rows of the source `name`, with what other rows known before `as_of` say of them."""
    if name == "subscriptions":
        return with_end(rows)
    if name == "usage" and "entitlements" in warehouse.tables:
        entitled = observe(warehouse.tables["entitlements"], SOURCES["entitlements"], as_of)
        entitled = entitled.filter(entitled.critical)
        entitled = entitled.select(entitled_id="account_id", entitled_to="feature", critical="critical").distinct()
        same = [rows.account_id == entitled.entitled_id, rows.feature == entitled.entitled_to]
        return rows.left_join(entitled, same).drop("entitled_id", "entitled_to")
    return rows
