"""The backtest: every contender learns on each fold what had matured, and is judged by what came after."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from features.segments import segment_of
from features.snapshot import Progress
from training.baselines import Prediction, gradient_boosting, health_score, logistic_regression, one_signal
from training.booster import Params
from training.calibration import (
    LASTING_LEVEL,
    Coverage,
    Floats,
    Line,
    covered_by,
    doubt,
    doubts,
    enough,
    lasting,
    level,
    levels,
    segment_offsets,
)
from training.dataset import Dataset
from training.folds import Fold, learnt, planned
from training.horizons import HORIZONS, LOST_AT_RENEWAL, RENEWAL, between, label_at
from training.metrics import Metrics, better_by, metrics
from training.outcomes import last_matured, outcome_named
from training.worth import Interval, intervals

MIN_ACCOUNTS = 20
"""An outcome that came to fewer accounts than this in the whole history, to half as many in the test periods, or to a
quarter in a fold's past, is not enough to learn from.

2026-11-26: accounts are counted and no longer 40 rows. One that leaves counts on each date of the horizon before, two
to seven times, so that 40 rows were 6 to 20 accounts, and as many as the dates happened to lie apart. What 20 accounts
come to is known to within 12 and 31: about the bounds between which the gate lets a promise lie (`gate.EXPECTED`), so
of fewer no promise could be told from one that is far off. Of the companies that were learnt from before none is newly
refused: the smallest among the tests has 27 accounts that left.
"""

OURS, HEALTH, LOGISTIC = "tenure", "health score", "logistic regression"
RENEWAL_ALONE, USAGE_ALONE = "days to renewal alone", "usage drop alone"
BASELINES = (HEALTH, LOGISTIC, RENEWAL_ALONE, USAGE_ALONE)
CONTENDERS = (OURS, *BASELINES)
SIGNAL = {RENEWAL_ALONE: RENEWAL, USAGE_ALONE: "events_change_16w"}
"""What a baseline of one signal goes by; it is none where that is known of no account."""
DESCRIBED, VALUED = ("segment", "plan", "product", "products", "tenure_days"), ["arr", "strategic"]
"""What the rows are told apart by, besides their value tier and the columns that this follows from."""
RAW = "raw "
SERVED, SEGMENTED = "served", "segmented"
"""The columns of our log-odds as they would have been served: calibrated on what was known of earlier folds by then,
without and with what segments add."""


class NotEnough(ValueError):
    """Too few outcomes to say anything."""


@dataclass(frozen=True)
class Backtest:
    """Out-of-time predictions of every contender on the same rows.

    `rows`: `account_id`, `as_of`, `fold`, `happened`, `arr` and one column of log-odds a contender; ours is
    calibrated on what was known of earlier folds by then (`served`). `beats` holds by how much its log loss is lower
    than that of each baseline that was there, with an interval. `line` is fitted on all folds and is what the final
    model takes; what segments add to it, only where adding what earlier folds said of them lowered the log loss
    (`segments` holds by how much). `spread` holds intervals by contender; by the column of the outcome at each horizon,
    `ahead` holds our measures and `covered` how often the intervals held.
    """

    outcome: str
    horizon_days: int
    folds: tuple[Fold, ...]
    rows: pd.DataFrame
    line: Line
    metrics: dict[str, Metrics]
    by_fold: tuple[Metrics, ...]
    beats: dict[str, tuple[float, float, float]]
    spread: dict[str, dict[str, Interval]]
    segments: tuple[float, float, float]
    ahead: dict[str, Metrics]
    covered: Mapping[str, Coverage]

    @property
    def covered_own(self) -> Coverage:
        """How often the intervals held at the model's own horizon."""
        return self.covered.get(label_at(self.outcome, self.horizon_days), Coverage(0, 0, 0))

    def column(self, contender: str) -> str:
        """The column of `rows` that a contender is judged by."""
        return SERVED if contender == OURS else contender


def predictions(
    data: Dataset,
    outcome: str,
    params: Params,
    progress: Progress | None = None,
    contenders: Collection[str] = CONTENDERS,
) -> Iterator[tuple[int, pd.DataFrame, dict[str, Prediction]]]:
    """Per fold: its number, its rows and each contender's predictions; folds without both classes are passed over."""
    plan, known = planned(data), data.frame.columns[data.frame.notna().any()]
    for number, fold in enumerate(plan):
        if progress:
            progress(number / len(plan), f"backtest of {outcome}, fold {number + 1} of {len(plan)}")
        learn, test = learnt(data, number, fold), data.frame[data.frame["as_of"].dt.date.isin(fold.test)]
        happened = learn[outcome].to_numpy(dtype=np.float64)
        seen = min(came_to(learn, outcome), learn["account_id"][happened == 0].nunique())
        if seen < MIN_ACCOUNTS / 4 or test.empty:
            continue
        made = {
            OURS: partial(gradient_boosting, params=params, outcome=outcome, horizon_days=data.horizon_days),
            HEALTH: partial(health_score, bad=outcome_named(outcome).bad),
            LOGISTIC: partial(logistic_regression, seed=params.seed),
        } | {who: partial(one_signal, name=name) for who, name in SIGNAL.items() if name in known}
        yield number, test, {name: make(learn, happened, test) for name, make in made.items() if name in contenders}


def periods(
    data: Dataset,
    outcome: str,
    params: Params,
    progress: Progress | None = None,
    contenders: Collection[str] = CONTENDERS,
) -> Iterator[tuple[Fold, pd.DataFrame]]:
    """Each fold with its rows, as `Backtest.rows` holds them; ours as it would have been served on its first day."""
    earlier: list[pd.DataFrame] = []
    plan = planned(data)
    for number, test, made in predictions(data, outcome, params, progress, contenders):
        others = [name for days in HORIZONS if (name := label_at(outcome, days)) in test]
        others += [LOST_AT_RENEWAL] if LOST_AT_RENEWAL in test and outcome == "churn" else []
        part = test.reindex(columns=["account_id", "as_of", *DESCRIBED, RENEWAL, *others]).assign(
            fold=number,
            happened=test[outcome].to_numpy(dtype=np.float64),
            arr=test["arr_before"].to_numpy(),
            value_tier=[
                segment_of(dict(zip(VALUED, row, strict=True))).value_tier
                for row in test.reindex(columns=VALUED).itertuples(index=False)
            ],
        )
        for name, prediction in made.items():
            part[name] = prediction.new
        known = pd.concat(earlier) if earlier else None
        line = _line_before(known, outcome, data.horizon_days, plan[number].test[0])
        part[label_at(outcome, data.horizon_days)] = test[outcome].astype("boolean")
        part[SERVED] = replace(line, segments={}).served(_floats(part, OURS))
        part[SEGMENTED] = line.served(_floats(part, OURS), part["segment"])
        part = part.assign(**{RAW + name: raw for name, raw in made[OURS].ahead.items()})
        part = part.assign(
            **{SERVED + name: found for name, found in _served_ahead(line, made[OURS].ahead, part).items()}
        )
        earlier.append(part)
        yield plan[number], part


def as_served(parts: Sequence[pd.DataFrame], seed: int) -> tuple[pd.DataFrame, tuple[float, float, float]]:
    """Periods under one another, and by how much what segments add lowered the log loss; where it did beyond chance it
    is part of what would have been served."""
    if not parts:
        return pd.DataFrame(), (0.0, 0.0, 0.0)
    rows = pd.concat(parts, ignore_index=True)
    happened, plain, segmented = (_floats(rows, name) for name in ("happened", SERVED, SEGMENTED))
    gained = better_by(happened, segmented, plain, rows["account_id"], seed)
    if gained[1] > 0:
        served = [str(name) for name in rows if str(name).startswith(SERVED)]
        rows[served] = rows[served].add(rows[SEGMENTED] - rows[SERVED], axis=0)
    return rows, gained


def backtest(data: Dataset, outcome: str, params: Params, progress: Progress | None = None) -> Backtest:
    """Every contender on rolling-origin folds; `NotEnough` if there are too few outcomes to learn from or to judge."""
    found = came_to(data.frame, outcome)
    if found < MIN_ACCOUNTS:
        raise NotEnough(
            f"{int(data.frame[outcome].sum())} outcomes in {len(data.frame)} rows, of {found} accounts, are "
            f"not enough to learn from; expected at least {MIN_ACCOUNTS} accounts. Wait for more history, or take a "
            "longer --horizon"
        )
    told = list(periods(data, outcome, params, progress))
    rows, segments = as_served([part for _, part in told], params.seed)
    came = 0 if rows.empty else came_to(rows, "happened")
    if came < MIN_ACCOUNTS / 2:
        raise NotEnough(
            f"the history is too short for a backtest: {0 if rows.empty else int(rows['happened'].sum())} "
            f"outcomes fall into test periods, of {came} accounts, expected at least {MIN_ACCOUNTS // 2} accounts; "
            "take a shorter --horizon or wait"
        )
    happened, raw = _floats(rows, "happened"), _floats(rows, OURS)
    line = _line(rows, outcome, data.horizon_days)
    if segments[1] > 0:
        line = replace(line, segments=segment_offsets(rows, line.served(raw)))
    baselines = [name for name in BASELINES if name in rows]
    columns = {OURS: SERVED} | {name: name for name in baselines}
    begun = {int(part["fold"].iloc[0]): fold.test[0] for fold, part in told}
    return Backtest(
        outcome=outcome,
        horizon_days=data.horizon_days,
        folds=tuple(fold for fold, _ in told),
        rows=rows,
        line=line,
        metrics={name: judged(rows, "happened", column) for name, column in columns.items()},
        by_fold=tuple(judged(part, "happened", SERVED) for _, part in rows.groupby("fold")),
        beats={
            name: better_by(happened, _floats(rows, SERVED), _floats(rows, name), rows["account_id"], params.seed)
            for name in baselines
        },
        spread={name: intervals(rows, column, params.seed) for name, column in columns.items()},
        segments=segments,
        ahead=_ahead(rows),
        covered=_covered(rows, outcome, data.horizon_days, begun),
    )


def came_to(rows: pd.DataFrame, outcome: str) -> int:
    """To how many accounts the outcome came."""
    return int(rows["account_id"][rows[outcome].fillna(False).astype(bool)].nunique())


def judged(rows: pd.DataFrame, outcome: str = "happened", column: str = SERVED) -> Metrics:
    """How good a column of log-odds was on rows of a backtest."""
    return metrics(_floats(rows, outcome), _floats(rows, column), _floats(rows, "arr"), rows["account_id"])


def _line(rows: pd.DataFrame, outcome: str, horizon_days: int, before: date | None = None) -> Line:
    """The calibration of out-of-time rows, with what each horizon adds; with `before` from outcomes known by then."""
    raw, happened = _floats(rows, OURS), _floats(rows, "happened")
    line = lasting(raw, happened)
    missed = level(happened, line.served(raw)) if enough(happened) else 0.0
    seen = {}
    for days in HORIZONS:
        if days != horizon_days and {name := label_at(outcome, days), RAW + name} <= set(rows):
            known = _told_at(rows, outcome, days)
            seen[days] = known if before is None else _matured(known, before, days)
    came = {at: (_floats(known, "happened"), _floats(known, RAW + label_at(outcome, at))) for at, known in seen.items()}
    line = replace(line, levels=levels(line, horizon_days, came, missed), doubt=doubt(line, rows, raw))
    line = replace(line, doubts=doubts(line, horizon_days, {at: (seen[at], came[at][1]) for at in seen}))
    return replace(line, renewal=_renewal(rows, line, missed, before))


def _told_at(rows: pd.DataFrame, outcome: str, days: int) -> pd.DataFrame:
    """The rows of which the outcome at a horizon is known, and what the model said there: `happened` is that one."""
    name = label_at(outcome, days)
    return rows[rows[name].notna() & rows[RAW + name].notna()].assign(happened=lambda known: _floats(known, name))


def _renewal(rows: pd.DataFrame, line: Line, missed: float, before: date | None) -> float:
    """What the end of a row's own term adds: the lasting part of what it misses more than the own horizon does; 0 where
    too few came."""
    name = LOST_AT_RENEWAL
    if name not in rows or RAW + name not in rows:
        return 0.0
    known = rows[name].notna() & rows[RAW + name].notna()
    if before is not None:
        ended = rows["as_of"] + pd.to_timedelta(rows[RENEWAL].astype("float64"), unit="D")
        known &= ended <= pd.Timestamp(last_matured(before, 0))
    happened = _floats(rows[known], name)
    if not enough(happened):
        return 0.0
    return LASTING_LEVEL * (level(happened, line.served(_floats(rows[known], RAW + name))) - missed)


def _served_ahead(line: Line, ahead: Mapping[str, Floats], rows: pd.DataFrame) -> dict[str, Floats]:
    """The log-odds served at each horizon and at the end of the term, by the column of the outcome there."""
    days = {name: int(name.rpartition("_")[2]) for name in ahead if name != LOST_AT_RENEWAL}
    found = {name: line.served(ahead[name], horizon_days=at) for name, at in days.items()}
    if LOST_AT_RENEWAL in ahead:
        at = {days[name]: answer for name, answer in found.items()}
        found[LOST_AT_RENEWAL] = between(at, _floats(rows, RENEWAL), line.at_renewal(ahead[LOST_AT_RENEWAL]))
    return found


def _matured(rows: pd.DataFrame, before: date, horizon_days: int) -> pd.DataFrame:
    """The rows whose outcome was known before a day."""
    return rows[rows["as_of"] <= pd.Timestamp(last_matured(before, horizon_days))]


def _line_before(earlier: pd.DataFrame | None, outcome: str, horizon_days: int, before: date) -> Line:
    """What would have been served on a day: calibrated on the outcomes of earlier folds that were known by then."""
    earlier = None if earlier is None else _matured(earlier, before, horizon_days)
    if earlier is None or not enough(_floats(earlier, "happened")):
        return Line()
    line = _line(earlier, outcome, horizon_days, before)
    return replace(line, segments=segment_offsets(earlier, line.served(_floats(earlier, OURS))))


def _ahead(rows: pd.DataFrame) -> dict[str, Metrics]:
    """Our measures at each horizon and at the end of the term, over the rows whose outcome there is known by now."""
    found = {}
    for column in rows.columns:
        name = column.removeprefix(SERVED)
        if column != name and name in rows.columns:
            known = rows[rows[name].notna() & rows[column].notna()]
            if len(known):
                found[name] = judged(known, name, column)
    return dict(sorted(found.items(), key=lambda one: (one[0] == LOST_AT_RENEWAL, len(one[0]), one[0])))


def _covered(rows: pd.DataFrame, outcome: str, own_days: int, begun: Mapping[int, date]) -> dict[str, Coverage]:
    """How often the intervals held at each horizon: each period's as served on the day on which it had `begun`."""
    before = {at: _line_before(rows[rows["fold"] < at], outcome, own_days, day) for at, day in begun.items()}
    lines = {at: line for at, line in before.items() if line.doubt != Line().doubt}
    found = {}
    for days in sorted({*HORIZONS, own_days}) if lines else ():
        name = label_at(outcome, days)
        if RAW + name in rows:
            known = _told_at(rows, outcome, days)
            found[name] = covered_by(lines, known, _floats(known, RAW + name), None if days == own_days else days)
    return found


def _floats(rows: pd.DataFrame, name: str) -> Floats:
    return rows[name].to_numpy(dtype=np.float64)
