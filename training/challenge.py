"""A challenger beside the champion of the moment: does it tell CSMs something else, and is it shown to be worse?

2026-11-26: asked when a version is registered, and again when it is promoted: the champion may be another one by then.
So that this needs neither tables nor a second backtest, each version keeps `SAMPLE`: the rows of its last test period
with what its backtest said of them. No id leaves the warehouse with it: accounts are numbered.

2026-11-26: two log losses are compared on the rows of the sample that lie on or after the day until which the champion
learnt. It cannot know their outcomes, nor any whose horizon overlaps theirs; the challenger's figures are those of its
backtest, which did not know them either. On earlier rows the champion would be asked what it was taught, and would
look better than it is, so they are not used; where too few outcomes are left, it is said that nothing can be said.
Where the test period began before that day, the backtest knew less than the champion: the comparison then leans
towards what serves already.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from training.metrics import CAPACITY, better_by
from training.model import Model
from training.reasons import kept_reasons

KEPT_REASONS = 0.5
"""A challenger that tells so few of the champion's likeliest accounts the same first reason would turn a CSM's work
upside down on one morning; a refit on other accounts keeps four in five or more (`benchmarks/reasons.py`)."""
MIN_TOLD = 10
"""Outcomes of fewer accounts than this say nothing of two log losses; a backtest asks as many of its test periods."""
MOST_ACCOUNTS = 2_000
SAMPLE = "sample.parquet"
TOLD, HAPPENED = "told", "happened"


@dataclass(frozen=True)
class Beside:
    """What speaks against a challenger, and what was compared or could not be; in plain words."""

    faults: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()


def sampled(frame: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """The sample of a dataset's `frame`: of `told` (`account_id`, `as_of`, `fold`, `happened`, `told` in log-odds) the
    last fold, of at most `MOST_ACCOUNTS` accounts, with their features."""
    last = told[told["fold"] == told["fold"].max()].drop(columns="fold")
    names = pd.Series(last["account_id"].unique())
    drawn = names.iloc[np.argsort(pd.util.hash_pandas_object(names, index=False).to_numpy())[:MOST_ACCOUNTS]]
    rows: pd.DataFrame = last[last["account_id"].isin(drawn)].merge(frame, on=["account_id", "as_of"], how="left")
    return rows.assign(account_id=pd.factorize(rows["account_id"], sort=True)[0])


def as_file(rows: pd.DataFrame) -> bytes:
    """A sample as Parquet."""
    written = io.BytesIO()
    rows.to_parquet(written, index=False)
    return written.getvalue()


def sample_in(folder: Path) -> pd.DataFrame | None:
    """The sample among a version's files; None for a version that kept none."""
    path = folder / SAMPLE
    return pd.read_parquet(path) if path.is_file() else None


def beside(challenger: Model, champion: Model, rows: pd.DataFrame | None, seed: int = 7) -> Beside:
    """The challenger beside the champion on the challenger's sample."""
    if rows is None:
        return Beside(compared=(f"not compared with {champion.version}: the version kept no rows to compare it on",))
    kept = kept_reasons(challenger, champion, rows, CAPACITY)
    told = f"first reasons: {kept:.0%} of the likeliest accounts of {champion.version} keep theirs"
    drift = (
        f"gives the champion's likeliest accounts another first reason: {kept:.1%} keep theirs, "
        f"fewer than {KEPT_REASONS:.0%}"
    )
    quality = _quality(challenger, champion, rows, seed)
    return Beside((*([] if kept >= KEPT_REASONS else [drift]), *quality.faults), (told, *quality.compared))


def _quality(challenger: Model, champion: Model, rows: pd.DataFrame, seed: int) -> Beside:
    """Two log losses on the rows of which neither knew the outcome; a fault where the challenger's is worse beyond the
    95 % interval of a paired bootstrap over accounts."""
    days = challenger.horizon_days
    if days not in champion.horizons:
        return Beside(compared=(f"log loss not compared: {champion.version} does not answer for {days} days",))
    unknown = rows[rows["as_of"] >= pd.Timestamp(champion.until)]
    happened = unknown[HAPPENED].to_numpy(dtype=np.float64)
    came_to = unknown["account_id"][happened > 0].nunique()
    if came_to < MIN_TOLD:
        return Beside(
            compared=(
                f"log loss not compared: {champion.version} learnt from what was known before {champion.until}, and of "
                f"the rows that were told out of time from then on the outcome came to {came_to} accounts, fewer than "
                f"{MIN_TOLD}",
            )
        )
    shares, base = champion.contributions(champion.encoding.matrix(unknown), horizon_days=days)
    theirs = np.asarray(base + shares.sum(axis=1))
    ours = unknown[TOLD].to_numpy(dtype=np.float64)
    difference, low, high = better_by(happened, ours, theirs, unknown["account_id"], seed)
    told = f"log loss lower than that of {champion.version} by {difference:+.4f} ({low:+.4f} to {high:+.4f})"
    told += f" on {len(unknown):,} rows that neither learnt from"
    return Beside((f"shown worse than the champion: {told}",) if high < 0 else (), (told,))
