"""A measure says what to compute over one account's rows as known on a date; an engine decides how.

Ages are whole days before `as_of`: yesterday is 1, and a date announced for the future is negative. A measure
sees ages, never calendar dates, so it can neither reach past `as_of` nor ask the clock. Rows too old for every window
are not read: an account with none but those is like one without rows, and a feature's `empty` speaks for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, TypeAlias

Rows: TypeAlias = Any
"""A row expression over an observed table, such as `_.severity == "urgent"` (an ibis `Deferred`)."""

AGGREGATES = frozenset(
    {"count", "total", "stated", "mean", "median", "distinct", "smallest", "largest", "latest", "peak"}
)


@dataclass(frozen=True)
class Window:
    """Ages in (`after`, `until`]: `last(28)` is the 28 days that end the day before `as_of`."""

    after: int
    until: int

    def __str__(self) -> str:
        return f"ages {self.after + 1}..{self.until}"


def last(days: int) -> Window:
    """The `days` days before `as_of`."""
    return Window(0, days)


def between(after: int, until: int) -> Window:
    """The days older than `after` and at most `until` days old."""
    return Window(after, until)


@dataclass(frozen=True, eq=False)
class Measure:
    """One node of a measure: an aggregate over rows, another feature, a constant, or arithmetic over measures.

    Null spreads through arithmetic, and a division by zero is null: unknown, never a guess.
    """

    op: str
    of: tuple["Measure", ...] = ()
    rows: Rows = None
    where: Rows = None
    window: Window | None = None
    constant: float | str | None = None
    by: Rows = None
    """What values `peak` parts the rows by, or the age by which `latest` is the newest."""
    per: Rows = None
    """What `peak` divides a value's sum by: a column told of the value."""
    short: str = ""
    """What arithmetic over many parts reads as, where its parts say less than its name."""

    def __add__(self, other: "Measure | float") -> "Measure":
        return Measure("+", (self, _measure(other)))

    def __sub__(self, other: "Measure | float") -> "Measure":
        return Measure("-", (self, _measure(other)))

    def __mul__(self, other: "Measure | float") -> "Measure":
        return Measure("*", (self, _measure(other)))

    def __truediv__(self, other: "Measure | float") -> "Measure":
        return Measure("/", (self, _measure(other)))

    def __lt__(self, other: "Measure | float") -> "Measure":
        return Measure("<", (self, _measure(other)))

    def __gt__(self, other: "Measure | float") -> "Measure":
        return Measure("<", (_measure(other), self))

    def __str__(self) -> str:
        if self.short:
            return self.short
        if self.op == "feature":
            return str(self.constant)
        if self.op == "constant":
            return f"{self.constant:g}" if isinstance(self.constant, float) else repr(self.constant)
        if self.op in AGGREGATES:
            parts = [] if self.rows is None else [_text(self.rows)]
            if self.by is not None:
                parts.append(f"by {_text(self.by)}")
            if self.per is not None:
                parts.append(f"per {_text(self.per)}")
            if self.where is not None:
                parts.append(f"where {_text(self.where)}")
            if self.window is not None:
                parts.append(str(self.window))
            return f"{self.op}({', '.join(parts)})"
        if len(self.of) == 2 and not self.op.isalpha():
            return f"({self.of[0]} {self.op} {self.of[1]})"
        return f"{self.op}({', '.join(str(part) for part in self.of)})"


def _text(rows: Rows) -> str:
    return repr(rows).replace("_.", "")


def _measure(value: "Measure | float") -> Measure:
    return value if isinstance(value, Measure) else Measure("constant", constant=float(value))


def count(window: Window | None = None, where: Rows = None) -> Measure:
    """How many rows; 0 where the account has rows but none that fit."""
    return Measure("count", where=where, window=window)


def total(rows: Rows, window: Window | None = None, where: Rows = None) -> Measure:
    """The sum of `rows`; 0 where the account has rows but none that fit."""
    return Measure("total", rows=rows, where=where, window=window)


def stated(rows: Rows, window: Window | None = None, where: Rows = None) -> Measure:
    """The sum of `rows`; null where no row that fits states a value: unknown, not none."""
    return Measure("stated", rows=rows, where=where, window=window)


def mean(rows: Rows, window: Window | None = None, where: Rows = None) -> Measure:
    """The mean of `rows`; null where no row fits."""
    return Measure("mean", rows=rows, where=where, window=window)


def median(rows: Rows, window: Window | None = None, where: Rows = None) -> Measure:
    """The median of `rows`, of an even number the mean of the two in the middle; null where no row fits."""
    return Measure("median", rows=rows, where=where, window=window)


def distinct(rows: Rows, window: Window | None = None, where: Rows = None) -> Measure:
    """How many different values of `rows`, exactly, nulls not counted; 0 where it has rows but none that fit."""
    return Measure("distinct", rows=rows, where=where, window=window)


def smallest(rows: Rows, window: Window | None = None, where: Rows = None) -> Measure:
    """The smallest value of `rows`; of an age: days since the newest."""
    return Measure("smallest", rows=rows, where=where, window=window)


def largest(rows: Rows, window: Window | None = None, where: Rows = None) -> Measure:
    """The largest value of `rows`; of an age: days since the first."""
    return Measure("largest", rows=rows, where=where, window=window)


def latest(rows: Rows, where: Rows = None, by: Rows = None) -> Measure:
    """`rows` of the newest row that fits, or of that with the smallest age `by`; of several at one instant the largest
    value."""
    return Measure("latest", rows=rows, where=where, by=by)


def peak(by: Rows, rows: Rows, window: Window | None = None, where: Rows = None, per: Rows = None) -> Measure:
    """The largest sum of `rows` that falls to one value of `by`, each divided by what `per` is told of the value; null
    where no row that fits has one."""
    return Measure("peak", rows=rows, where=where, window=window, by=by, per=per)


def of(feature: str) -> Measure:
    """The value of another feature on the same date."""
    return Measure("feature", constant=feature)


def change(now: Measure, before: Measure) -> Measure:
    """The relative change from `before` to `now`: -0.34 is a fall by 34 %; null where there was nothing before."""
    return now / before - 1


def either(first: Measure, second: Measure | float) -> Measure:
    """`first`, or `second` where `first` is null."""
    return Measure("either", (first, _measure(second)))


def highest(measures: Sequence[Measure]) -> Measure:
    """The highest of several measures; one that is null is passed over."""
    found = reduce(lambda one, other: Measure("highest", (one, other)), measures)
    return replace(found, short=f"highest({', '.join(str(each) for each in measures)})")


def only_if(condition: Measure, measure: Measure | float) -> Measure:
    """`measure` where the `condition` (1 or 0) holds; null where it does not."""
    return _measure(measure) / condition


def named(rows: Rows, window: Window, told: Window | None = None, where: Rows = None) -> Measure:
    """How many different values of `rows`; unknown where rows fit, and none of the window `told` has a value.

    2026-11-27: a count of what nobody names is not 0. `told` is longer than the window for use: if an account's people
    are named at times, a week of which no row names one was a machine's, and that nobody came is known.
    """
    found, fitting = distinct(rows, window, where), either(count(window, where), 0)
    names = distinct(rows, told or window, where)
    known = either(only_if(names > 0, found), only_if(fitting < 1, 0))
    read = str(found).removeprefix("distinct").removesuffix(")")
    return replace(known, short=f"named{read}{'' if told is None else f', by {told}'})")


def settled(days: int, measure: Measure) -> Measure:
    """`measure` of an account that has paid for `days` days or more; null before.

    What an account did before it was one is no baseline: ten events a day from the first day on are no rise.
    """
    return only_if(of("tenure_days") > days - 1, measure)


def root(measure: Measure) -> Measure:
    """The square root; null of what is negative."""
    return Measure("root", (measure,))


def weekly(rows: Rows, weeks: int, where: Rows = None) -> list[Measure]:
    """The sums of `rows` in each of the last `weeks` weeks, the newest first."""
    return [total(rows, between(7 * week, 7 * week + 7), where) for week in range(weeks)]


def slope(rows: Rows, weeks: int = 12) -> Measure:
    """The least-squares slope of the weekly sums of `rows`, per week and relative to their mean.

    -0.05 is a loss of 5 % of the mean a week; null where nothing was. With x counted from the middle week, the slope
    is sum(x * y) / sum(x * x).
    """
    sums = weekly(rows, weeks)
    places = [(weeks - 1) / 2 - week for week in range(weeks)]
    leaning = _sum([each * place for each, place in zip(sums, places, strict=True)])
    relative = leaning / sum(place * place for place in places) / (_sum(sums) / weeks)
    return replace(relative, short=f"slope({_text(rows)}, {weeks} weeks)")


def surprise(rows: Rows, weeks: int = 8) -> Measure:
    """How many standard deviations the last week's sum of `rows` lies off the mean of the `weeks` before it.

    Null where those weeks were all alike: nothing says how much a week may differ.
    """
    newest, *before = weekly(rows, weeks + 1)
    mean_week = _sum(before) / weeks
    variance = _sum([(each - mean_week) * (each - mean_week) for each in before]) / weeks
    off = only_if(variance > 1e-9, (newest - mean_week) / root(variance))
    return replace(off, short=f"surprise({_text(rows)}, 1 week against {weeks} weeks)")


def _sum(parts: list[Measure]) -> Measure:
    return reduce(add, parts)


def references(measure: Measure) -> frozenset[str]:
    """The names of the features that a measure reads."""
    if measure.op == "feature":
        return frozenset({str(measure.constant)})
    return frozenset().union(*(references(part) for part in measure.of))


def aggregates(measure: Measure) -> list[Measure]:
    """The aggregate nodes of a measure, left to right."""
    if measure.op in AGGREGATES:
        return [measure]
    return [node for part in measure.of for node in aggregates(part)]
