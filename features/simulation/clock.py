"""Time inside the simulation: days as numbers, months, weeks, seasons, and one random stream per purpose and
week.

A moment is a float64: days since 1970-01-01 UTC, the fraction being the time of day; NaN means "never".
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NEVER = float("nan")
_EPOCH = date(1970, 1, 1)
_WORKDAY, _WEEKEND = 0.19, 0.025


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def add_months(days: Floats, months: Ints) -> Floats:
    """The same day of the month, `months` later; the 31st of a short month is its last day. Days in, whole
    days out.
    """
    whole = np.floor(days).astype(np.int64).astype("datetime64[D]")
    first = whole.astype("datetime64[M]")
    of_month = (whole - first.astype("datetime64[D]")).astype(np.int64)
    target = first + months.astype("timedelta64[M]")
    length = ((target + 1).astype("datetime64[D]") - target.astype("datetime64[D]")).astype(np.int64)
    landed = target.astype("datetime64[D]").astype(np.int64) + np.minimum(of_month, length - 1)
    out: Floats = landed.astype(np.float64)
    return out


@dataclass(frozen=True)
class Window:
    """The simulated time: from `start` (included) to `end` (excluded), in weeks that begin on `start`'s
    weekday.
    """

    start: date
    end: date

    @staticmethod
    def ending(end: date, months: int) -> Window:
        """The window of so many calendar months that stops at `end`."""
        first = add_months(np.array([day_number(end)], dtype=np.float64), np.array([-months]))
        return Window(_EPOCH + timedelta(days=int(first[0])), end)

    @property
    def opens(self) -> float:
        return float(day_number(self.start))

    @property
    def closes(self) -> float:
        return float(day_number(self.end))

    @property
    def weeks(self) -> int:
        """How many weeks touch the window; the last one may reach past `end` and is cut there."""
        return -(-int(self.closes - self.opens) // 7)


@dataclass(frozen=True)
class Streams:
    """Independent random generators, one per purpose and week: what one week draws never shifts another
    week.
    """

    seed: int

    def at(self, purpose: str, week: int = -1) -> np.random.Generator:
        """The generator of a purpose in a week; -1 is the time before the window."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode()), week + 1])


def season(day: float) -> float:
    """How much quieter than usual the week of `day` is, on the log-odds scale of a user's activity (0 =
    usual).
    """
    calendar = _EPOCH + timedelta(days=int(day) + 3)
    if (calendar.month, calendar.day) >= (12, 20) or (calendar.month, calendar.day) <= (1, 3):
        return -1.3
    if calendar.month == 12:
        return -0.2
    return -0.35 if calendar.month in (7, 8) else 0.0


def working_moments(rng: np.random.Generator, opens: float, since: Floats, until: Floats) -> Floats:
    """Moments in the week from `opens`, mostly on working days and in working hours, all within [since,
    until).
    """
    weekday = (int(opens) + 3 + np.arange(7)) % 7  # 1970-01-01 was a Thursday; 0 = Monday
    weights = np.where(weekday < 5, _WORKDAY, _WEEKEND)
    edges = np.cumsum(weights / weights.sum())
    offset = np.minimum(np.searchsorted(edges, rng.random(since.size)), 6)
    hour = np.clip(rng.normal(13.5, 3.2, since.size), 0.1, 23.8)
    moment = opens + offset + hour / 24
    low, high = np.maximum(since, opens), np.minimum(until, opens + 7)
    spare = low + rng.random(since.size) * np.maximum(high - low, 0) * 0.98
    return np.where((moment >= low) & (moment < high), moment, spare)
