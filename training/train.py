"""One training run, read top to bottom: dataset, leaks, search, backtest, gate, fit, card, register."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE
from features.odds import sigmoid
from features.snapshot import Progress
from features.warehouse import Warehouse
from training.backtest import SERVED, Backtest, NotEnough, backtest
from training.booster import Params
from training.card import Making, card_files
from training.challenge import HAPPENED, SAMPLE, TOLD, as_file, sampled
from training.dataset import Dataset, DatasetError, dataset, told_of_history, told_until
from training.fingerprint import fingerprint
from training.folds import newest_window
from training.gate import Trial, faults
from training.interventions import told_of, without_interventions
from training.leak import Leak
from training.leaks import leaks_of, refusals
from training.metrics import Metrics
from training.model import Model, fit
from training.outcomes import OUTCOMES, outcome_named
from training.records import told_of_change
from training.registry import beside_champion, check_home, register
from training.tracking import Record
from training.tune import Found, Search, as_many_trees, check_study, compared, study_under, tuned

HORIZON_DAYS = 90
ALLOWED = "a model that learnt from this would be better on paper than in life; to train all the same: --allow-leaks"


@dataclass(frozen=True)
class TrainingRun:
    """What a run is told. `until`: nothing known on or after it is used; `trials`: 0 keeps the default parameters.

    `minutes`: no trial of the search begins later; `study`: the database of the search (default: under the home).
    `allow_leaks`: learns though the tables seem to know the outcome; the model's record and card say so, and the gate
    stays shut. `interventions`: what becomes of rows on which a playbook ran (`training/interventions.py`).
    `window_days`: a model learns from dates of so many days, each fold and the one that serves; from all if not given.
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
    window_days: int | None = None


@dataclass(frozen=True)
class Trained:
    """What a run came to for one outcome: a version, challenger unless something speaks against it (`refused`), and
    where its `card` lies; no version where nothing could be learnt. `search`: what the search came to, if there was
    one. `notes`: what a reader must know of how it was trained."""

    outcome: str
    version: str | None
    model: Model | None
    backtest: Backtest | None
    refused: tuple[str, ...]
    rows: int
    unmatured: int
    gone: int
    card: str | None = None
    search: Found | None = None
    notes: tuple[str, ...] = ()


def check_servers(home: Path, trials: int, study: str | None) -> None:
    """Checks, before a table is read, that a tracking server and a study elsewhere than under the home answer;
    `RegistryError` or `StudyError` if not. Where neither is named the home is left alone."""
    if os.environ.get("MLFLOW_TRACKING_URI"):
        check_home(home)
    if trials and study:
        check_study(study)


def train(warehouse: Warehouse, run: TrainingRun, home: Path, progress: Progress | None = None) -> list[Trained]:
    """Trains every outcome of the run on one dataset and registers the models; see `Trained` for what came of it."""
    chosen = [outcome_named(name).name for name in run.outcomes]
    run = replace(run, until=told_until(warehouse, run.until))
    check_home(home)
    if run.trials:
        check_study(run.study or study_under(home))
    share = 1 / (len(chosen) + 1)
    try:
        data = dataset(warehouse, run.horizon_days, run.until, progress=_within(progress, 0, share))
    except DatasetError as error:
        return [Trained(name, None, None, None, (str(error),), 0, 0, 0) for name in chosen]
    if progress:
        progress(share, "looking for leaks")
    leaks = [leak for leak in leaks_of(warehouse, data, chosen) if leak.refuses]
    data = without_interventions(replace(data, window_days=run.window_days), run.interventions, run.seed)
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
    counts = len(data.frame), data.unmatured, data.gone
    notes = _notes(warehouse, run, data, outcome, [f"{leak.outcome}: {leak.told}" for leak in leaks])
    try:
        params, result, searched = _searched(data, run, outcome, home, _within(progress, 0, 0.9))
    except NotEnough as error:
        return Trained(outcome, None, None, None, (str(error),), *counts, notes=notes)
    learnt = newest_window(data)
    if progress:
        progress(0.9, f"fitting {outcome} on {len(learnt):,} rows")
    model = fit(
        learnt,
        learnt[outcome].to_numpy(dtype=np.float64),
        params,
        outcome=outcome,
        horizon_days=run.horizon_days,
        until=run.until.isoformat(),
        line=result.line,
        spread=sigmoid(result.rows["served"].to_numpy(dtype=np.float64)),
        growth=_growth(learnt, outcome),
    )
    record = _record(Path(warehouse.location).name, data, run, params, result, model, home, leaks, searched, notes)
    made = register(home, record)
    model, refused = replace(model, version=f"{outcome}-v{made.version}"), (*record.faults, *record.challenged)
    return Trained(outcome, made.version, model, result, refused, *counts, made.card, searched, notes)


def _searched(
    data: Dataset, run: TrainingRun, outcome: str, home: Path, progress: Progress | None
) -> tuple[Params, Backtest, Found | None]:
    """What the model is grown by, its backtest, and what the search came to, if there was one: its best is taken where
    it is better beyond chance than what a run without a search takes."""
    plain = as_many_trees(data, outcome, replace(Params(), seed=run.seed))
    usual = backtest(data, outcome, plain, _within(progress, 0, 0.2 if run.trials else 1))
    if not run.trials:
        return plain, usual, None
    search = Search(run.trials, run.seed, run.study or study_under(home), run.minutes, run.interventions, plain)
    best = tuned(data, outcome, search, _within(progress, 0.2, 0.6))
    same = best.params == plain
    told = usual if same else backtest(data, outcome, best.params, _within(progress, 0.8, 0.2))
    found = compared(told, usual, best.trials, run.seed)
    return (best.params, told, found) if found.better else (plain, usual, found)


def _record(
    warehouse: str,
    data: Dataset,
    run: TrainingRun,
    params: Params,
    result: Backtest,
    model: Model,
    home: Path,
    leaks: Sequence[Leak],
    searched: Found | None,
    notes: Sequence[str],
) -> Record:
    """The gate's verdict, the challenger beside the champion, the card and all that is tracked."""
    allowed = [f"{leak.outcome}: {leak.told}" for leak in leaks]
    told = result.rows.rename(columns={SERVED: TOLD})[["account_id", "as_of", "fold", HAPPENED, TOLD]]
    sample = sampled(data.frame[["account_id", "as_of", *data.features]], told)
    shut = faults(result, Trial(allowed, _latency(model, data)))
    against = beside_champion(home, model, sample).faults
    trials, chosen = (searched.trials, searched.better) if searched else (0, False)
    making = Making(asdict(params), trials, run.seed, fingerprint(data.frame), chosen)
    return Record(
        model=model,
        params=asdict(params)
        | {"horizon_days": run.horizon_days, "until": str(run.until), "rows": len(data.frame)}
        | {"allow_leaks": run.allow_leaks, "leaks": ", ".join(sorted({leak.feature for leak in leaks})) or "none"}
        | {"trials": trials, "trials_asked": run.trials, "trials_chosen": chosen}
        | {"interventions": run.interventions, "treated_rows": data.treated}
        | {"window_days": data.window_days or "all"},
        metrics={
            f"{name.replace(' ', '_')}.{measure}": value
            for name, found in result.metrics.items()
            for measure, value in _finite(found).items()
        }
        | _covered(result),
        tags={
            "outcome": model.outcome,
            "warehouse": warehouse,
            "data_fingerprint": making.fingerprint,
            "features": str(len(model.encoding.features)),
            "catalogue": fingerprint(pd.DataFrame({"name": [f"{f.name}={f.measure}" for f in CATALOGUE.values()]})),
        },
        faults=shut,
        challenged=against,
        files=card_files(data, result, model, [*shut, *against], notes, making) | {SAMPLE: as_file(sample)},
    )


def _why_not(leaks: Sequence[Leak], outcome: str) -> tuple[str, ...]:
    """The leaks of an outcome in full, those of others by name: tables that know one are trusted with none."""
    own = refusals([leak for leak in leaks if leak.outcome == outcome])
    others = [f"{leak.feature} seems to know {leak.outcome}" for leak in leaks if leak.outcome != outcome]
    return (*own, *(() if own else others), ALLOWED)


def _growth(frame: pd.DataFrame, outcome: str) -> float:
    """The median relative change of ARR where the outcome happened: what is at stake besides probability."""
    happened = frame[frame[outcome].astype(bool)]
    return float((happened["arr_after"] / happened["arr_before"] - 1).median())


def _covered(result: Backtest) -> dict[str, float]:
    """The shares of groups in which the interval held, with the chance of the count and without, if any was judged: at
    the own horizon, and at each."""
    judged = {"": result.covered_own} | {f".{name}": one for name, one in result.covered.items()}
    with_chance = {f"covered_share{name}": one.held / one.of for name, one in judged.items() if one.of}
    return with_chance | {f"covered_alone_share{name}": one.alone / one.of for name, one in judged.items() if one.of}


def _finite(found: Metrics) -> dict[str, float]:
    return {name: float(value) for name, value in vars(found).items() if np.isfinite(value)}


def _latency(model: Model, data: Dataset, calls: int = 15) -> float:
    """The median milliseconds in which one row is answered and explained."""
    row = model.encoding.matrix(data.frame.tail(1))
    took = []
    for _ in range(calls):
        begun = time.perf_counter()
        model.answers(row, threads=1)
        took.append(1000 * (time.perf_counter() - begun))
    return float(np.median(took))


def _notes(
    warehouse: Warehouse, run: TrainingRun, data: Dataset, outcome: str, leaks: Sequence[str]
) -> tuple[str, ...]:
    """What a reader of the card must know of how it was trained."""
    notes = [f"**Trained on tables that seem to know the outcome:** {'; '.join(leaks)}."] if leaks else []
    history = told_of_history(warehouse, run.until), told_of_change(data.frame, outcome)
    notes += [f"{one}." for one in history if one]
    treated = told_of(data, run.interventions)
    if data.window_days:
        notes.append(f"Each model learnt from dates of {data.window_days} days alone: {_of_days(newest_window(data))}.")
    return (*notes, *([treated] if treated else []))


def _of_days(rows: pd.DataFrame) -> str:
    return (
        f"the one that serves from {len(rows):,} rows, {rows['as_of'].min():%Y-%m-%d} to {rows['as_of'].max():%Y-%m-%d}"
    )


def _within(progress: Progress | None, start: float, share: float) -> Progress | None:
    """A part of a progress bar, as a bar of its own."""
    if progress is None:
        return None
    whole: Callable[[float, str], None] = progress
    return lambda done, what: whole(start + share * done, what)
