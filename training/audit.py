"""Whether source tables can be learnt from: what is there, what is blind, what contradicts itself, what leaks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE, FAMILIES
from features.feature import Unit
from features.snapshot import Progress, blind_features
from features.sources import SOURCES
from features.warehouse import Warehouse
from training.backtest import MIN_OUTCOMES
from training.dataset import Dataset, DatasetError, joined, training_dates
from training.outcomes import OUTCOMES

WORST_SHARE = 0.25
"""A contradiction in more than this share of rows makes the tables unusable: no label or trend from them is true."""
LEAK_AUC = 0.99
"""A single feature that ranks an outcome so well is suspected of knowing it (no honest signal of the trade does)."""
LEAK_COVERAGE = 0.50
"""So is one that is known this much more, or less, often of accounts to which the outcome happened."""
STALE_DAYS = 45
SAMPLED_DATES = 6


@dataclass(frozen=True)
class Contradiction:
    """Two sources that cannot both be right: `rows` of `of` rows, in words."""

    name: str
    rows: int
    of: int
    words: str

    @property
    def share(self) -> float:
        return self.rows / self.of if self.of else 0.0


@dataclass(frozen=True)
class Leak:
    """A feature suspected of knowing an outcome, with the figure and what to do."""

    feature: str
    outcome: str
    words: str


@dataclass(frozen=True)
class Audit:
    """What an audit found. `unusable` lists why nothing can be learnt; empty if something can."""

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
        step = max(1, len(dates) // SAMPLED_DATES)
        data = joined(warehouse, dates[::-1][::step][:SAMPLED_DATES], horizon_days, as_of, progress)
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
    return Audit(
        as_of=as_of,
        tables={name: _table(warehouse, name) for name in warehouse.loaded},
        blind_tables=warehouse.blind,
        coverage=_coverage(warehouse, data),
        quarantine=tuple(_quarantined(warehouse)),
        stale=tuple(_stale(warehouse, as_of)),
        contradictions=tuple(contradictions),
        leaks=tuple(leaks_in(data)) if data is not None else (),
        outcomes=outcomes,
        rows=0 if data is None else round(len(data.frame) * scale),
        unusable=tuple(unusable),
    )


def contradictions_in(warehouse: Warehouse) -> list[Contradiction]:
    """Every pair of sources that disagree about the same account, each with its count."""
    terms = warehouse.tables["subscriptions"]
    ends = _end(terms)
    first = terms.group_by("account_id").agg(since=terms.starts_on.min())
    found = []
    if "usage" in warehouse.tables:
        usage = warehouse.tables["usage"].select("account_id", "event_at")
        daily = usage.group_by("account_id", day=usage.event_at.date()).agg(rows=ibis._.count())
        paid = terms.select(paid_id="account_id", since=terms.starts_on.date(), until=ends.date())
        inside = daily.join(
            paid,
            [
                daily.account_id == paid.paid_id,
                daily.day >= paid.since,
                paid.until.isnull() | (daily.day <= paid.until),
            ],
            how="semi",
        )
        rows = int(daily["rows"].sum().to_pyarrow().as_py() or 0)
        within = int(inside["rows"].sum().to_pyarrow().as_py() or 0)
        found.append(
            Contradiction("usage outside subscriptions", rows - within, rows, "usage on days without a running term")
        )
    if "tickets" in warehouse.tables:
        tickets = warehouse.tables["tickets"].select("ticket_id", "account_id", "event_at")
        both = tickets.left_join(first, "account_id")
        early = both.count(where=both.since.isnull() | (both.event_at.date() < both.since.date()))
        found.append(
            _counted("tickets before sign-up", early, both.count(), "tickets opened before the account's first term")
        )
    if "notice_at" in terms.columns:
        given = terms.filter(terms.notice_at.notnull())
        end = _end(given)
        overdue = end.isnull() | (end < given.notice_at) | (given.notice_at < given.starts_on)
        found.append(
            _counted(
                "notice against the term",
                given.count(where=overdue),
                given.count(),
                "notices of cancellation outside their term, or on a term that never ends",
            )
        )
    return found


def refusals(contradictions: list[Contradiction]) -> list[str]:
    """The contradictions too large to learn from, in words."""
    return [
        f"{found.words}: {found.share:.0%} ({found.rows:,} of {found.of:,})"
        for found in contradictions
        if found.share > WORST_SHARE
    ]


def _end(terms: ir.Table) -> ir.Value:
    """When a term stops paying, as the whole table has it (SOURCES); null: never."""
    never = ibis.null("timestamp")
    ended = terms.ended_on if "ended_on" in terms.columns else never
    ends = terms.ends_on if "ends_on" in terms.columns else never
    renews = terms.auto_renew.fill_null(False) if "auto_renew" in terms.columns else ibis.literal(False)
    return ibis.cases((ended.notnull(), ended), (~renews, ends))


def _counted(name: str, rows: ir.Value, of: ir.Value, words: str) -> Contradiction:
    return Contradiction(name, int(rows.to_pyarrow().as_py()), int(of.to_pyarrow().as_py()), words)


def leaks_in(data: Dataset) -> list[Leak]:
    """Features whose value, or presence, alone separates an outcome too well to be honest."""
    from sklearn.metrics import roc_auc_score

    found = []
    for outcome in OUTCOMES:
        happened = data.labels(outcome).to_numpy()
        if not MIN_OUTCOMES / 2 <= happened.sum() <= len(happened) - MIN_OUTCOMES / 2:
            continue
        for name, feature in CATALOGUE.items():
            known = data.frame[name].notna().to_numpy()
            gap = known[happened == 1].mean() - known[happened == 0].mean()
            if abs(gap) > LEAK_COVERAGE:
                found.append(
                    Leak(
                        name,
                        outcome,
                        f"is known {abs(gap):.0%} {'more' if gap > 0 else 'less'} often where {outcome} followed; "
                        f"check whether {feature.source} keeps its history, or leave the column out of the mapping",
                    )
                )
            if feature.unit is Unit.CATEGORY or len(set(happened[known])) < 2 or known.sum() < MIN_OUTCOMES:
                continue
            auc = roc_auc_score(happened[known], data.frame[name].to_numpy(dtype=np.float64)[known])
            if max(auc, 1 - auc) > LEAK_AUC:
                found.append(
                    Leak(
                        name,
                        outcome,
                        f"alone ranks {outcome} with ROC-AUC {max(auc, 1 - auc):.3f}; check that the values of "
                        f"{feature.source} carry the date on which they became known",
                    )
                )
    return found


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


def _coverage(warehouse: Warehouse, data: Dataset | None) -> dict[str, dict[str, Any]]:
    """Per signal family: its features, those nobody can have and why, and the share of accounts with any known."""
    blind = blind_features(warehouse)
    found = {}
    for family, rows in FAMILIES.items():
        names = [feature.name for feature in rows]
        known = data.frame[names].notna().any(axis=1).mean() if data is not None else None
        found[family] = {
            "features": len(names),
            "blind_features": {name: blind[name] for name in names if name in blind},
            "accounts_with_data": None if known is None else float(known),
        }
    return found


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
