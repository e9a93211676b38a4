"""One date's query: the features of the catalogue as one expression over the observed sources.

`features.passes` groups a source by account in as few queries as can be; here they meet.
"""

from collections.abc import Callable, Mapping
from datetime import date

import ibis
import ibis.expr.types as ir

from features.asof import day_literal
from features.feature import Feature, Unit
from features.measure import Measure, aggregates
from features.observed import observed_on
from features.passes import passes
from features.readings import with_readings
from features.sources import SOURCES
from features.warehouse import Warehouse


def query_on(
    warehouse: Warehouse,
    spine: ir.Table,
    features: Mapping[str, Feature],
    blind: frozenset[str],
    as_of: date,
    laid_aside: Callable[[ir.Table], ir.Table] = lambda table: table,
) -> ir.Table:
    """The features of the accounts of one date of the spine, one row an account: `account_id` and a column a feature.

    `blind` features are null for everybody. `laid_aside` is what the query reads in place of a pass over a source.
    """
    joined = accounts = spine.filter(spine.as_of.date() == day_literal(as_of)).select("account_id")
    columns: dict[str, str] = {}
    for name in SOURCES:
        wanted = [feature for feature in features.values() if feature.source == name and feature.name not in blind]
        if not wanted:
            continue
        rows = observed_on(name, with_readings(warehouse, name), as_of)
        nodes: dict[str, Measure] = {}
        for node in (node for feature in wanted for node in aggregates(feature.measure)):
            if _key(name, node) not in columns:
                columns[_key(name, node)] = f"m{len(columns)}"  # an engine may cut a longer name
                nodes[columns[_key(name, node)]] = node
        for grouped in passes(warehouse, name, rows, nodes, as_of):
            key = f"of_{grouped.columns[-1]}"
            grouped = laid_aside(grouped).rename({key: "account_id"})
            # Nothing is dropped between two joins: they stay one flat chain, however many there are.
            joined = joined.left_join(grouped, accounts.account_id == grouped[key])
    compiled = _Compiled(joined, columns, features, blind)
    return joined.select("account_id", **{name: compiled.feature(name) for name in features})


def _key(source: str, node: Measure) -> str:
    return f"{source}.{node}"


class _Compiled:
    """Turns features into expressions over the joined aggregates; a blind feature is a null."""

    def __init__(
        self, joined: ir.Table, columns: dict[str, str], features: Mapping[str, Feature], blind: frozenset[str]
    ) -> None:
        self.joined, self.columns, self.features, self.blind = joined, columns, features, blind

    def feature(self, name: str) -> ir.Value:
        feature = self.features[name]
        if name in self.blind:
            return ibis.null("string" if feature.unit is Unit.CATEGORY else "float64")
        value = self.value(feature.source, feature.measure)
        if feature.unit is Unit.CATEGORY:
            return value
        value = value.cast("float64")
        return value if feature.empty is None else value.fill_null(float(feature.empty))

    def value(self, source: str, node: Measure) -> ir.Value:
        key = _key(source, node)
        if key in self.columns:
            return self.joined[self.columns[key]]
        if node.op == "feature":
            return self.feature(str(node.constant))
        if node.op == "constant":
            return ibis.literal(node.constant)
        if node.op == "root":
            value = self.value(source, node.of[0]).cast("float64")
            return ibis.cases((value >= 0, value)).sqrt()
        left, right = (self.value(source, part) for part in node.of)
        match node.op:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left.cast("float64") / right.cast("float64").nullif(0.0)
            case "<":
                return (left < right).cast("int32")
            case "either":
                return left.cast("float64").coalesce(right.cast("float64"))
            case "highest":
                left, right = left.cast("float64"), right.cast("float64")
                return ibis.greatest(left.coalesce(right), right.coalesce(left))
            case _:
                raise ValueError(f"measure {node.op!r} is not known; see features/measure.py")
