"""The passes over one source: its aggregates grouped by account, in as few queries as their forms allow.

A pass reads only the rows that its windows can see, is told only the columns that it reads, and folds the rows of an
account before it looks at windows wherever a few sums stand for many rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TypeAlias

import ibis
import ibis.expr.types as ir
from ibis import _
from ibis.expr.operations import Field

from features.measure import Measure, Window
from features.told import TOLD, columns_read, told_apart
from features.warehouse import Warehouse

DIGITS = 6
HAIR = 1e-9
"""Sums and means are rounded to so many decimals: an engine adds in any order, and the order of rows is nothing.

A hair is added before: sixteen values of four decimals have a mean that often ends in a 5 at the seventh, and which
way that was rounded hung on the order of adding. Now nothing that data come to lies where two roundings meet.
"""

Nodes: TypeAlias = Mapping[str, Measure]
Tell: TypeAlias = Callable[[ir.Table], ir.Table]
Form: TypeAlias = Callable[[ir.Table, Nodes, Tell], ir.Table]


def passes(warehouse: Warehouse, name: str, rows: ir.Table, nodes: Nodes, as_of: date) -> list[ir.Table]:
    """The aggregate `nodes` over the observed `rows` of the source `name`: tables of `account_id` and their keys."""
    alike: dict[tuple[Form, frozenset[str], tuple[str, ...]], dict[str, Measure]] = {}
    folded = _worth_folding(name, nodes)
    for key, node in nodes.items():
        form, apart, told = *_FORMS.get(node.op, (_plain, ())), _told(name, node)
        if key in folded:
            form = _folded
        elif form is _distinct and _of_its_value(name, node):
            form, apart, told = _distinct_values, ("rows",), frozenset()
        alike.setdefault((form, told, tuple(repr(getattr(node, one)) for one in apart)), {})[key] = node
    tables = []
    for (form, *_rest), group in alike.items():
        told = frozenset().union(*(_told(name, node) for node in group.values()))
        tell = partial(told_apart, warehouse, name, columns=told, as_of=as_of)
        tables.append(form(_within(rows, group.values()), group, tell))
    return tables


def _told(name: str, node: Measure) -> frozenset[str]:
    """The told columns that a node reads."""
    return columns_read(name, node) & frozenset(TOLD.get(name, ()))


def _of_its_value(name: str, node: Measure) -> bool:
    """Whether what a distinct count asks for is alike for all rows of one value, and so is asked once a value."""
    (value, *more) = columns_read(name, replace(node, where=None))
    if more or repr(node.rows) != f"_.{value}":
        return False
    asked = columns_read(name, node) - {value}
    told = TOLD.get(name, {})
    return all(one in told and set(told[one].match) <= {value} for one in asked)


def _within(rows: ir.Table, nodes: Iterable[Measure]) -> ir.Table:
    """Only the rows that some window can see, so that the engine prunes the rest."""
    windows = [node.window for node in nodes]
    if None in windows:
        return rows
    return rows.filter(rows.event_age <= max(window.until for window in windows if window))


def _fits(rows: ir.Table, node: Measure) -> ir.BooleanValue | None:
    conditions = []
    if node.window is not None:
        if node.window.after:
            conditions.append(rows.event_age > node.window.after)
        conditions.append(rows.event_age <= node.window.until)
    if node.where is not None:
        conditions.append(node.where.resolve(rows))
    if not conditions:
        return None
    fits = conditions[0]
    for condition in conditions[1:]:
        fits = fits & condition
    return fits


def _edges(nodes: Iterable[Measure]) -> list[int]:
    """The ages at which a window of `nodes` begins or ends; between two of them all rows are alike to all windows."""
    windows = {node.window for node in nodes if node.window}
    return sorted({window.until for window in windows} | {window.after for window in windows if window.after})


def _span(rows: ir.Table, edges: list[int], named: Sequence[int] = ()) -> ir.Value:
    """The span of ages in which a row lies, by the age at which it ends or as `named`; one more is older than all.

    The old spans are asked for first: they are the widest, and most rows lie in them.
    """
    first, *others = named or [*edges, edges[-1] + 1]
    older = [(rows.event_age > age, name) for age, name in zip(edges, others, strict=True)]
    return ibis.cases(*reversed(older), else_=first)


@ibis.udf.agg.builtin(name="bit_or", signature=(("int64",), "int64"))
def _bit_or(bits): ...  # type: ignore[no-untyped-def]


def _spans(window: Window, edges: list[int]) -> int:
    """The bits of the spans of ages that a window covers."""
    return sum(1 << place for place, age in enumerate(edges) if window.after < age <= window.until)


def _plain(rows: ir.Table, nodes: Nodes, tell: Tell) -> ir.Table:
    """Counts, sums, means and extremes."""
    rows = tell(rows)
    (where, *others) = {repr(node.where): node.where for node in nodes.values()}.values()
    if where is not None and not others and all(node.op in _NULL_OF_NONE for node in nodes.values()):
        rows = rows.filter(where.resolve(rows))
    return rows.group_by("account_id").agg(**{key: _aggregate(rows, node) for key, node in nodes.items()})


_NULL_OF_NONE = frozenset({"stated", "mean", "median", "smallest", "largest"})
"""What is null of no rows, whether the account has others or not: rows that do not fit need not be read."""

FOLD = 6
"""Rows are folded where each sum is asked for over at least so many windows.

2026-11-26: twenty sums over windows of 20 million rows took 1.1 s; folded into the spans between twelve ages, 0.4 s.
"""

_AGAIN = {"count": "total", "total": "total", "stated": "stated", "smallest": "smallest", "largest": "largest"}
"""What makes one of what several spans of an account have."""


def _worth_folding(name: str, nodes: Nodes) -> frozenset[str]:
    """The keys of the sums that are asked for over many windows, if there are; none that asks more of a row.

    2026-11-26: one sum with a condition on texts made the pass over all others take half as long again.
    """
    bare = {k: n for k, n in nodes.items() if n.op in _AGAIN and n.where is None and not _told(name, n)}
    sums = {_sum_of(node) for node in bare.values()}
    return frozenset(bare) if bare and len(sums) * FOLD <= len(bare) else frozenset()


def _sum_of(node: Measure) -> str:
    return str(replace(node, window=None))


def _folded(rows: ir.Table, nodes: Nodes, tell: Tell) -> ir.Table:
    """Sums over many windows: the rows of an account between two ages become one first, which has the later age."""
    span = _span(rows, _edges(nodes.values()))
    names = {text: f"s{place}" for place, text in enumerate(sorted({_sum_of(node) for node in nodes.values()}))}
    sums = {names[_sum_of(node)]: _summed(rows, replace(node, window=None)) for node in nodes.values()}
    again = {key: replace(node, op=_AGAIN[node.op], rows=_[names[_sum_of(node)]]) for key, node in nodes.items()}
    return _plain(rows.group_by("account_id", event_age=span).agg(**sums), again, tell)


def _aggregate(rows: ir.Table, node: Measure) -> ir.Value:
    value = _summed(rows, node)
    match node.op:
        case "count":
            return value.fill_null(0)  # Spark counts nothing, not none, where every condition is null
        case "total":
            return _rounded(value.fill_null(0))
        case "stated" | "mean" | "median":
            return _rounded(value)
        case _:
            return value


def _rounded(value: ir.Value) -> ir.Value:
    return (value.cast("float64") + HAIR).round(DIGITS)


def _summed(rows: ir.Table, node: Measure) -> ir.Value:
    """One number of the rows that fit, as the engine has it."""
    fits = _fits(rows, node)
    if node.op == "count":
        return rows.count(where=fits)
    value = node.rows.resolve(rows)
    match node.op:
        case "total" | "stated":
            return value.sum(where=fits)
        case "mean":
            return value.mean(where=fits)
        case "median":
            return (value if fits is None else ibis.cases((fits, value))).median()  # Spark wants no condition beside it
        case "smallest":
            return value.min(where=fits)
        case _:
            return value.max(where=fits)


def _distinct(rows: ir.Table, nodes: Nodes, tell: Tell) -> ir.Table:
    """Distinct counts of values under one condition that looks at rows."""
    first, rows = next(iter(nodes.values())), tell(rows)
    value = first.rows.resolve(rows)
    rows = rows.mutate(counted=value if first.where is None else ibis.cases((first.where.resolve(rows), value)))
    return _distinct_values(rows, {key: replace(node, rows=_.counted, where=None) for key, node in nodes.items()})


def _distinct_values(rows: ir.Table, nodes: Nodes, tell: Tell = lambda values: values) -> ir.Table:
    """Exact distinct counts of many windows and conditions without a DISTINCT: one row a value answers them all.

    Windows that reach to `as_of` are answered by the value's smallest age, others by a bit for each span of ages.
    """
    column = next(iter(nodes.values())).rows.resolve(rows).get_name()
    if all(node.window for node in nodes.values()):
        rows = rows.filter(rows[column].notnull())  # else an account with no value is kept: it has none, not unknown
    seen = {"newest": rows.event_age.min()}
    if edges := _edges(node for node in nodes.values() if node.window and node.window.after):
        seen["spans"] = _bit_or(_span(rows, edges, [1 << place for place in range(len(edges) + 1)]).cast("int64"))
    values = tell(rows.group_by("account_id", column).agg(**seen))
    counts = {}
    for key, node in nodes.items():
        fits = values[column].notnull()
        if node.window and node.window.after:
            fits &= (values.spans & _spans(node.window, edges)) != 0
        elif node.window:
            fits &= values.newest <= node.window.until
        if node.where is not None:
            fits &= node.where.resolve(values)
        counts[key] = values.count(where=fits).fill_null(0)
    return values.group_by("account_id").agg(**counts)


def _peak(rows: ir.Table, nodes: Nodes, tell: Tell) -> ir.Table:
    """The largest of the sums that fall to each value, for many windows at once.

    What a sum is divided by is told of the value, and so once a value and not of every row.
    """
    first = next(iter(nodes.values()))
    table = tell(rows) if first.per is None else rows
    value = first.by.resolve(table)
    name = value.get_name() if isinstance(value.op(), Field) else "part"
    table = table.mutate(**{name: value}).filter(value.notnull())
    sums = {key: node.rows.resolve(table).sum(where=_fits(table, node)) for key, node in nodes.items()}
    parts = table.group_by("account_id", name).agg(**sums)
    if first.per is None:
        return parts.group_by("account_id").agg(**{key: _rounded(parts[key]).max() for key in nodes})
    parts = tell(parts)
    shares = {key: _rounded(parts[key] / first.per.resolve(parts)).max() for key in nodes}
    return parts.group_by("account_id").agg(**shares)


def _latest(rows: ir.Table, nodes: Nodes, tell: Tell) -> ir.Table:
    """Values of each account's newest row that fits; of several at one instant the largest."""
    first, rows = next(iter(nodes.values())), tell(rows)
    table = rows if first.where is None else rows.filter(first.where.resolve(rows))
    for order in (first.by, _.instant):
        if order is not None:
            aged = order.resolve(table)
            table = table.mutate(aged=aged, newest=aged.min().over(group_by=table.account_id))
            table = table.filter(table.aged == table.newest)
    return table.group_by("account_id").agg(**{key: node.rows.resolve(table).max() for key, node in nodes.items()})


_FORMS: Mapping[str, tuple[Form, tuple[str, ...]]] = {
    "distinct": (_distinct, ("rows", "where")),
    "peak": (_peak, ("by", "per")),
    "latest": (_latest, ("where", "by")),
}
"""How the aggregates are built that are not plain, and what those must share that go into one query."""
