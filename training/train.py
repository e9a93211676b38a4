"""One training run, read top to bottom: dataset, leaks, search, backtest, gate, fit, card, register."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE
from features.snapshot import Progress
from features.warehouse import Warehouse
from training.backtest import Backtest, NotEnough, backtest
from training.booster import Params
from training.calibration import sigmoid
from training.card import card_files
from training.dataset import Dataset, DatasetError, dataset
from training.gate import Trial, faults
from training.interventions import without_interventions
from training.leaks import Leak, leaks_of, refusals
from training.metrics import CAPACITY, Metrics
from training.model import Model, ModelError, fit
from training.outcomes import OUTCOMES, outcome_named
from training.reasons import kept_reasons
from training.registry import Record, champion, check_home, register
from training.tune import Search, as_many_trees, study_under, tuned

HORIZON_DAYS = 90
ALLOWED = "a model that learnt from this would be better on paper than in life; to train all the same: --allow-leaks"


@dataclass(frozen=True)
class TrainingRun:
    """What a run is told. `until`: nothing known on or after it is used; `trials`: 0 keeps the default parameters.

    `minutes`: no trial of the search begins later; `study`: the database of the search (default: under the home).
    `allow_leaks`: learns though the tables seem to know the outcome; the model's record and card say so, and the gate
    stays shut. `interventions`: what becomes of rows on which a playbook ran (`training/interventions.py`).
    """

    until: date
    outcomes: tuple[str, ...] = tuple(OUTCOMES)
    horizon_days: int = HORIZON_DAYS
    trials: int = 0
    seed: int = 7
    allow_leaks: bool = False
    minutes: float | None = None
    study: str | None = None
    interventions: str = "keep"


@dataclass(frozen=True)
class Trained:
    """What a run came to for one outcome: a registered version, or the reasons why not (`refused`)."""

    outcome: str
    version: str | None
    model: Model | None
    backtest: Backtest | None
    refused: tuple[str, ...]
    rows: int
    unmatured: int
    gone: int


def train(warehouse: Warehouse, run: TrainingRun, home: Path, progress: Progress | None = None) -> list[Trained]:
    """Trains every outcome of the run on one dataset and registers the models; see `Trained` for what came of it."""
    chosen = [outcome_named(name).name for name in run.outcomes]
    check_home(home)
    share = 1 / (len(chosen) + 1)
    try:
        data = dataset(warehouse, run.horizon_days, run.until, progress=_within(progress, 0, share))
    except DatasetError as error:
        return [Trained(name, None, None, None, (str(error),), 0, 0, 0) for name in chosen]
    if progress:
        progress(share, "looking for leaks")
    leaks = [leak for leak in leaks_of(warehouse, data, chosen) if leak.refuses]
    data = without_interventions(data, run.interventions, run.seed)
    if leaks and not run.allow_leaks:
        counts = len(data.frame), data.unmatured, data.gone
        return [Trained(name, None, None, None, _why_not(leaks, name), *counts) for name in chosen]
    return [
        train_outcome(warehouse, data, run, name, home, _within(progress, share * (place + 1), share), leaks)
        for place, name in enumerate(chosen)
    ]


def train_outcome(
    warehouse: Warehouse,
    data: Dataset,
    run: TrainingRun,
    outcome: str,
    home: Path,
    progress: Progress | None = None,
    leaks: Sequence[Leak] = (),
) -> Trained:
    """Search, backtest, gate, fit on all matured rows, card and registration of one outcome.

    `leaks` are those that the run was told to allow; they are recorded with the model.
    """
    allowed = [f"{leak.outcome}: {leak.told}" for leak in leaks]
    counts = {"rows": len(data.frame), "unmatured": data.unmatured, "gone": data.gone}
    params = replace(Params(), seed=run.seed)
    try:
        if run.trials:
            backtest(data, outcome, params)  # says at once if there is not enough to search over
            search = Search(run.trials, run.seed, run.study or study_under(home), run.minutes)
            params = tuned(data, outcome, search, _within(progress, 0, 0.6))
        else:
            params = as_many_trees(data, outcome, params)
        result = backtest(data, outcome, params, _within(progress, 0.6 if run.trials else 0, 0.3))
    except NotEnough as error:
        return Trained(outcome, None, None, None, (str(error),), **counts)
    if progress:
        progress(0.9, f"fitting {outcome} on {len(data.frame):,} rows")
    happened = data.labels(outcome).to_numpy(dtype=np.float64)
    model = fit(
        data.frame,
        happened,
        params,
        outcome=outcome,
        horizon_days=run.horizon_days,
        until=run.until.isoformat(),
        line=result.line,
        spread=sigmoid(result.rows["served"].to_numpy(dtype=np.float64)),
        growth=_growth(data.frame, outcome),
    )
    refused = faults(result, Trial(allowed, _kept(home, model, data), _latency(model, data)))
    record = Record(
        model=model,
        params=asdict(params)
        | {"horizon_days": run.horizon_days, "until": str(run.until), "rows": len(happened)}
        | {"allow_leaks": run.allow_leaks, "leaks": ", ".join(sorted({leak.feature for leak in leaks})) or "none"}
        | {"trials": run.trials, "interventions": run.interventions, "treated_rows": data.treated},
        metrics={
            f"{name.replace(' ', '_')}.{measure}": value
            for name, found in result.metrics.items()
            for measure, value in _finite(found).items()
        }
        | {"covered_share": result.covered[0] / max(result.covered[1], 1)},
        tags={
            "outcome": outcome,
            "warehouse": Path(warehouse.location).name,
            "data_fingerprint": fingerprint(data.frame),
            "features": str(len(model.encoding.features)),
            "catalogue": fingerprint(pd.DataFrame({"name": [f"{f.name}={f.measure}" for f in CATALOGUE.values()]})),
        },
        faults=refused,
        files=card_files(data, result, model, refused, _notes(run, data, allowed)),
    )
    version = register(home, record)
    return Trained(outcome, version, replace(model, version=f"{outcome}-v{version}"), result, tuple(refused), **counts)


def _why_not(leaks: Sequence[Leak], outcome: str) -> tuple[str, ...]:
    """The leaks of an outcome in full, those of others by name: tables that know one are trusted with none."""
    own = refusals([leak for leak in leaks if leak.outcome == outcome])
    others = [f"{leak.feature} seems to know {leak.outcome}" for leak in leaks if leak.outcome != outcome]
    return (*own, *(() if own else others), ALLOWED)


def fingerprint(frame: pd.DataFrame) -> str:
    """Sixteen hex digits that change when any cell does."""
    hashed = pd.util.hash_pandas_object(frame.astype("string").astype(object), index=False).to_numpy()
    return f"{int(np.bitwise_xor.reduce(hashed * np.arange(1, len(hashed) * 2, 2, dtype=np.uint64))):016x}"


def _growth(frame: pd.DataFrame, outcome: str) -> float:
    """The median relative change of ARR where the outcome happened: what is at stake besides probability."""
    happened = frame[frame[outcome].astype(bool)]
    return float((happened["arr_after"] / happened["arr_before"] - 1).median())


def _finite(found: Metrics) -> dict[str, float]:
    return {name: float(value) for name, value in vars(found).items() if np.isfinite(value)}


def _kept(home: Path, model: Model, data: Dataset) -> float | None:
    """How many of the champion's likeliest accounts keep their first reason; None where there is no champion, or one
    that cannot be read: a promotion mends that."""
    try:
        serving = champion(home, model.outcome)
    except ModelError:
        return None
    return None if serving is None else kept_reasons(model, serving, data.frame, CAPACITY)


def _latency(model: Model, data: Dataset, calls: int = 15) -> float:
    """The median milliseconds in which one row is answered and explained."""
    row = model.encoding.matrix(data.frame.tail(1))
    took = []
    for _ in range(calls):
        begun = time.perf_counter()
        model.answers(row, threads=1)
        took.append(1000 * (time.perf_counter() - begun))
    return float(np.median(took))


def _notes(run: TrainingRun, data: Dataset, leaks: Sequence[str]) -> list[str]:
    """What a reader of the card must know of how it was trained."""
    notes = [f"**Trained on tables that seem to know the outcome:** {'; '.join(leaks)}."] if leaks else []
    if data.treated:
        done = {"keep": "kept", "exclude": "left out", "weight": "left out, and rows alike count for more"}
        what = done[run.interventions]
        notes.append(f"A playbook ran within the horizon of {data.treated:,} rows; they were {what}.")
    return notes


def _within(progress: Progress | None, start: float, share: float) -> Progress | None:
    """A part of a progress bar, as a bar of its own."""
    if progress is None:
        return None
    whole: Callable[[float, str], None] = progress
    return lambda done, what: whole(start + share * done, what)
