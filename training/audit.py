"""Whether source tables can be learnt from: what is there, what is blind, what contradicts itself, what leaks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from features.catalogue import READ
from features.cohort import cohort
from features.snapshot import Progress
from features.sources import SOURCES
from features.warehouse import Warehouse
from training.backtest import MIN_OUTCOMES
from training.contradictions import Contradiction, contradictions_in, refusals
from training.coverage import coverage, freshness
from training.dataset import Dataset, DatasetError, joined, training_dates
from training.leaks import Leak, leaks_of
from training.outcomes import OUTCOMES

__all__ = ["Audit", "Contradiction", "Leak", "audit", "contradictions_in", "refusals"]

STALE_DAYS = 45
SAMPLED_DATES, SAMPLED_ROWS = 6, 6_000
"""So many dates are looked at, or more in a small company, up to so many rows: its few outcomes lie far apart."""


@dataclass(frozen=True)
class Audit:
    """What an audit found. `unusable` lists why a training would refuse; empty if it would not."""

    as_of: date
    tables: Mapping[str, dict[str, Any]]
    blind_tables: tuple[str, ...]
    coverage: Mapping[str, dict[str, Any]]
    quarantine: tuple[dict[str, Any], ...]
    stale: tuple[str, ...]
    contradictions: tuple[Contradiction, ...]
    leaks: tuple[Leak, ...]
    outcomes: Mapping[str, int]
    rows: int
    unusable: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Plain types for JSON."""
        document = asdict(self)
        document["as_of"] = self.as_of.isoformat()
        for found, plain in zip(self.contradictions, document["contradictions"], strict=True):
            plain["share"] = found.share
        return document


def audit(warehouse: Warehouse, as_of: date, horizon_days: int = 90, progress: Progress | None = None) -> Audit:
    """Audits what was known before `as_of`; `warehouse.check_date` is the caller's to ask."""
    contradictions = contradictions_in(warehouse)
    unusable = refusals(contradictions)
    data: Dataset | None = None
    try:
        dates = training_dates(warehouse, horizon_days, as_of)
        most = max(SAMPLED_DATES, SAMPLED_ROWS // max(len(cohort(warehouse, dates[-1])), 1))
        step = max(1, len(dates) // most)
        data = joined(warehouse, dates[::-1][::step][:most], horizon_days, as_of, progress)
    except DatasetError as error:
        unusable.append(str(error))
    outcomes = {} if data is None else {name: int(data.frame[name].sum()) for name in OUTCOMES}
    # The sample holds a share of the dates that training would use; what it holds of outcomes scales with it.
    scale = 1.0 if data is None else len(dates) / max(data.frame["as_of"].nunique(), 1)
    outcomes = {name: round(count * scale) for name, count in outcomes.items()}
    if data is not None and not any(count >= MIN_OUTCOMES for count in outcomes.values()):
        unusable.append(
            f"not enough to say: about {', '.join(f'{count} x {name}' for name, count in outcomes.items())} in the "
            f"history; at least {MIN_OUTCOMES} of one outcome are needed"
        )
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
        rows=0 if data is None else round(len(data.frame) * scale),
        unusable=tuple(unusable),
    )


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
