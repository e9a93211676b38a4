"""Whether source tables can be learnt from: what is there, what is blind, what contradicts itself, what leaks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from features.catalogue import READ
from features.cohort import cohort, spine
from features.snapshot import Progress
from features.sources import SOURCES
from features.warehouse import Warehouse
from training.backtest import MIN_ACCOUNTS, came_to
from training.contradictions import Contradiction, contradictions_in, refusals
from training.coverage import coverage, freshness
from training.dataset import Dataset, DatasetError, joined, told_of_history, training_dates
from training.leak import Leak
from training.leaks import leaks_of
from training.outcomes import OUTCOMES, label
from training.records import told_of_change

__all__ = ["Audit", "Contradiction", "Leak", "audit", "contradictions_in", "refusals"]

STALE_DAYS = 45
SAMPLED_DATES, SAMPLED_ROWS = 6, 12_000
"""On so many dates features are looked at, or on more in a small company, up to so many rows: its few outcomes lie far
apart."""


@dataclass(frozen=True)
class Audit:
    """What an audit found. `unusable` lists why a training would refuse; empty if it would not.

    `outcomes` counts the rows to which each came, of all `rows` that a training would learn from; `accounts` the
    accounts that these are of. `history`: what seems to be missing of it. `passed_over`: tables and files that nothing
    reads, for none of ours is called so.
    """

    as_of: date
    tables: Mapping[str, dict[str, Any]]
    blind_tables: tuple[str, ...]
    coverage: Mapping[str, dict[str, Any]]
    quarantine: tuple[dict[str, Any], ...]
    stale: tuple[str, ...]
    contradictions: tuple[Contradiction, ...]
    leaks: tuple[Leak, ...]
    outcomes: Mapping[str, int]
    accounts: Mapping[str, int]
    rows: int
    unusable: tuple[str, ...]
    history: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Plain types for JSON."""
        document = asdict(self)
        document["as_of"] = self.as_of.isoformat()
        for found, plain in zip(self.contradictions, document["contradictions"], strict=True):
            plain["share"] = found.share
        return document


def audit(
    warehouse: Warehouse,
    as_of: date,
    horizon_days: int = 90,
    progress: Progress | None = None,
    until: date | None = None,
) -> Audit:
    """Audits what was known before `as_of`; `warehouse.check_date` is the caller's to ask.

    Outcomes are those known before `until`, `as_of` if it is not given.
    """
    until = until or as_of
    contradictions = contradictions_in(warehouse, as_of)
    unusable = refusals(contradictions)
    data: Dataset | None = None
    try:
        dates = training_dates(warehouse, horizon_days, until)
        most = max(SAMPLED_DATES, SAMPLED_ROWS // max(len(cohort(warehouse, dates[-1])), 1))
        data = joined(warehouse, sampled_dates(dates, most), horizon_days, until, progress)
    except DatasetError as error:
        unusable.append(str(error))
    known = None if data is None else _labelled(warehouse, dates, horizon_days, until)
    outcomes = {} if known is None else {name: int(known[name].sum()) for name in OUTCOMES}
    accounts = {} if known is None else {name: came_to(known, name) for name in OUTCOMES}
    if known is not None and not any(count >= MIN_ACCOUNTS for count in accounts.values()):
        came = ", ".join(f"{name} to {count} accounts" for name, count in accounts.items())
        unusable.append(f"not enough to say: {came}; that one comes to at least {MIN_ACCOUNTS} is needed")
    leaks = [] if data is None else leaks_of(warehouse, data)
    unusable += [
        f"{leak.feature} seems to know {leak.outcome} (see the suspicions); mend it, or train with --allow-leaks"
        for leak in leaks
        if leak.refuses
    ]
    fresh = freshness(warehouse, as_of)
    return Audit(
        as_of=as_of,
        tables={name: _table(warehouse, name) | fresh[name] for name in warehouse.loaded},
        blind_tables=tuple(name for name in warehouse.blind if name in READ),
        coverage=coverage(warehouse, data, as_of),
        quarantine=tuple(_quarantined(warehouse)),
        stale=tuple(_stale(warehouse, as_of)),
        contradictions=tuple(contradictions),
        leaks=tuple(leaks),
        outcomes=outcomes,
        accounts=accounts,
        rows=0 if known is None else len(known),
        unusable=tuple(unusable),
        history=_history(warehouse, known, until),
        passed_over=warehouse.passed_over,
    )


def _labelled(warehouse: Warehouse, dates: list[date], horizon_days: int, as_of: date) -> pd.DataFrame:
    """What became of every row that a training would learn from.

    2026-11-26: counted on all dates, without their features, and no longer scaled up from the sampled ones. Accounts
    do not scale with dates, and a count that may be too small would refuse what a training takes.
    """
    found = label(warehouse, spine(warehouse, dates), horizon_days, as_of)
    return found[found["matured"] & ~found["gone"]]


def _history(warehouse: Warehouse, known: pd.DataFrame | None, as_of: date) -> tuple[str, ...]:
    """Where the record begins later than the contracts do, and outcomes whose rate changes as if some were missing."""
    changes = [] if known is None else [told_of_change(known, name) for name in OUTCOMES]
    return tuple(told for told in (told_of_history(warehouse, as_of), *changes) if told)


def sampled_dates(dates: list[date], most: int) -> list[date]:
    """At most so many dates, evenly from the last to the first: a leak may lie anywhere in the history."""
    steps = min(most, len(dates)) - 1
    return [dates[-1 - round(at * (len(dates) - 1) / max(steps, 1))] for at in range(steps + 1)]


def _table(warehouse: Warehouse, name: str) -> dict[str, Any]:
    loaded = warehouse.loaded[name]
    return {
        "rows": loaded.rows,
        "quarantined": loaded.bad,
        "first_known": None if loaded.first is None else loaded.first.isoformat(),
        "last_known": None if loaded.last is None else loaded.last.isoformat(),
        "missing_columns": list(loaded.missing_columns),
        "unknown_columns": list(loaded.extra_columns),
    }


def _quarantined(warehouse: Warehouse) -> list[dict[str, Any]]:
    if warehouse.quarantine.empty:
        return []
    counts = warehouse.quarantine.groupby(["table", "column", "rule"]).agg(
        rows=("value", "size"), example=("value", "first")
    )
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in counts.reset_index().to_dict("records")
    ]


def _stale(warehouse: Warehouse, as_of: date) -> list[str]:
    """Event tables that fell silent long before `as_of` though others went on."""
    return [
        f"{name}: nothing new since {loaded.last}"
        for name, loaded in warehouse.loaded.items()
        if SOURCES[name].event is not None
        and loaded.last is not None
        and loaded.last < min(as_of, warehouse.last_day) - timedelta(days=STALE_DAYS)
    ]
