"""What the invented company's systems wrote down, row by row, and how it becomes the tables.

A row is added in the week in which it is first known, and a value learnt later is added to it in the week in
which it is learnt. The journal refuses anything dated before the week it is in, so that no row can tell what
comes after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.simulation.clock import NEVER, Floats, Ints
from features.simulation.layout import LAYOUT, Code, Column, Id, Number, Text, Time

Value = npt.NDArray[np.generic] | float | int | str | None


class CausalityError(ValueError):
    """The simulation tried to write something dated before the week it is in."""


@dataclass(frozen=True)
class _Lesson:
    rows: Ints
    values: npt.NDArray[np.generic]


class Journal:
    """All rows of all tables in the order of writing; a row's number within its table is its identity."""

    def __init__(self) -> None:
        self._pages: dict[str, list[dict[str, npt.NDArray[np.generic]]]] = {table: [] for table in LAYOUT}
        self._lessons: dict[tuple[str, str], list[_Lesson]] = {}
        self._written = dict.fromkeys(LAYOUT, 0)
        self._now = -np.inf

    def turn(self, now: float) -> None:
        """Opens the week that begins at `now`."""
        self._now = now

    def add(self, table: str, **columns: Value) -> Ints:
        """Adds rows (scalars are repeated, absent columns are null) and returns their numbers."""
        size = max(np.size(value) for value in columns.values() if isinstance(value, np.ndarray))
        page = {name: _filled(LAYOUT[table][name], value, size) for name, value in columns.items()}
        known = page.get("known_at", page.get("event_at"))
        if known is not None and size and float(np.min(known.astype(np.float64))) < self._now:
            raise CausalityError(f"{table}: a row is known before the week it is written in")
        first = self._written[table]
        self._written[table] += size
        if size:
            self._pages[table].append(page)
        return np.arange(first, first + size, dtype=np.int64)

    def learn(self, table: str, rows: Ints, **columns: Value) -> None:
        """Adds values to rows written before; a later lesson replaces an earlier one."""
        for name, value in columns.items():
            values = _filled(LAYOUT[table][name], value, rows.size)
            if LAYOUT[table][name].learnt == name and np.any(values.astype(np.float64) < self._now):
                raise CausalityError(f"{table}.{name}: a value is learnt before the week it is written in")
            self._lessons.setdefault((table, name), []).append(_Lesson(rows, values))

    def table(self, table: str, end: float) -> pa.Table:
        """The table as it stands at `end`: rows known later are left out, values learnt later are null."""
        columns = {name: self._column(table, name) for name in LAYOUT[table]}
        for name, column in LAYOUT[table].items():
            if column.learnt:
                clock = columns[column.learnt].astype(np.float64)
                late = ~(clock < end)
                columns[name] = _blank(column, columns[name], late)
        known = columns["known_at"].astype(np.float64)
        if "event_at" in columns:
            known = np.fmax(known, columns["event_at"].astype(np.float64))
        keep = np.flatnonzero(known < end)
        arrays = {name: _arrow(column, columns, name, keep) for name, column in LAYOUT[table].items()}
        return pa.table(arrays)

    def _column(self, table: str, name: str) -> npt.NDArray[np.generic]:
        column = LAYOUT[table][name]
        if column.kind == "own":
            return np.arange(self._written[table], dtype=np.int64)
        parts = [
            page[name] if name in page else _filled(column, None, next(iter(page.values())).size)
            for page in self._pages[table]
        ]
        values = np.concatenate(parts) if parts else _filled(column, None, 0)
        for lesson in self._lessons.get((table, name), []):
            values[lesson.rows] = lesson.values
        return values


def _filled(column: Column, value: Value, size: int) -> npt.NDArray[np.generic]:
    if isinstance(column, Time | Number):
        return np.full(size, NEVER if value is None else np.asarray(value), dtype=np.float64)
    if isinstance(column, Text):
        full: npt.NDArray[np.generic] = np.empty(size, dtype=object)
        if value is not None:
            full[:] = np.asarray(value, dtype=object)
        return full
    if isinstance(value, str) and isinstance(column, Code):
        value = column.vocabulary.index(value)
    return np.full(size, -1 if value is None else np.asarray(value), dtype=np.int32)


def _blank(column: Column, values: npt.NDArray[np.generic], late: npt.NDArray[np.bool_]) -> npt.NDArray[np.generic]:
    out = values.copy()
    out[late] = _filled(column, None, int(late.sum()))
    return out


def _padded(numbers: pa.Array, width: int, prefix: str) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pc.utf8_lpad(numbers.cast(pa.string()), width, "0"), "")


def _arrow(column: Column, columns: Mapping[str, npt.NDArray[np.generic]], name: str, keep: Ints) -> pa.Array:
    values = columns[name][keep]
    if isinstance(column, Time):
        moments: Floats = values.astype(np.float64)
        missing = np.isnan(moments)
        seconds = np.rint(np.where(missing, 0, moments) * 86400).astype(np.int64)
        return pa.array(seconds * 1_000_000, type=pa.int64(), mask=missing).cast(pa.timestamp("us"))
    if isinstance(column, Number):
        return _numbers(values.astype(np.float64), column)
    if isinstance(column, Text):
        return pa.array(values, type=pa.string())
    whole = values.astype(np.int64)
    numbers = pa.array(whole, mask=whole < 0)
    if isinstance(column, Code):
        return pc.take(pa.array(column.vocabulary, type=pa.string()), numbers)
    assert isinstance(column, Id)
    if not column.within:
        return _padded(numbers, column.width, column.prefix)
    owner = pa.array(columns[column.within][keep].astype(np.int64))
    return pc.binary_join_element_wise(_padded(owner, 5, "acc-"), _padded(numbers, column.width, column.prefix), "-")


def _numbers(values: Floats, column: Number) -> pa.Array:
    missing = np.isnan(values)
    if column.digits is None:
        return pa.array(values == 1, mask=missing)
    if column.digits == 0:
        return pa.array(np.rint(np.where(missing, 0, values)).astype(np.int64), mask=missing)
    return pa.array(np.round(values, column.digits), mask=missing)
