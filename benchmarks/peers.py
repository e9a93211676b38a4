"""Ours beside the baselines and an AutoML peer: the same snapshots, the same folds, and twice our time for the peer.

    python benchmarks/peers.py [--seeds 7 8] [--only saasguard churn]

The peer is FLAML, installed into an environment of its own. It is told the features, the accounts and the outcomes that
a fold may learn from, and predicts the fold's test rows. All are judged on the same rows; differences carry 95 % of a
paired bootstrap over accounts. Before each table stands what ours promised in each test period, and what came.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from apart import install
from sklearn.metrics import average_precision_score

from features.catalogue import CATALOGUE
from features.feature import Unit
from features.odds import sigmoid
from features.simulation import simulate
from features.warehouse import Warehouse, open_warehouse
from training.backtest import BASELINES, OURS, SERVED, Backtest, backtest
from training.booster import Params
from training.calibration import Floats
from training.dataset import Dataset, dataset
from training.metrics import better_by
from training.outcomes import last_matured
from training.tune import as_many_trees
from training.worth import interval

HERE = Path(__file__).parent
END = date(2026, 10, 1)
DRAWS = 400
PEER = "FLAML"


def datasets(seeds: list[int], scratch: Path) -> Iterator[tuple[str, Dataset]]:
    """Every data set by name, with the outcomes of its whole history."""
    for seed in seeds:
        folder = scratch / f"company-{seed}"
        simulate(folder, accounts=1500, months=24, seed=seed, end=END)
        yield f"simulated, seed {seed}", _whole(open_warehouse(str(folder), loaded_on=END))
    for name in ("saasguard", "churnsim-crm"):
        mapping = str(HERE.parent / "examples" / f"{name}.toml")
        yield name, _whole(open_warehouse(mapping, loaded_on=datetime.now(UTC).date()))


def _whole(warehouse: Warehouse) -> Dataset:
    try:
        return dataset(warehouse, 90, warehouse.last_day + timedelta(days=1))
    finally:
        warehouse.close()


def peer(
    python: Path, data: Dataset, result: Backtest, outcome: str, seconds: float, scratch: Path
) -> tuple[Floats, str]:
    """(rows,) log-odds of the peer for the rows of a backtest, and the estimators that it chose."""
    names = [name for name in CATALOGUE if name in data.frame and data.frame[name].notna().any()]
    texts = [name for name in names if CATALOGUE[name].unit is Unit.CATEGORY]
    table = data.frame[["account_id", "as_of", *names]].assign(happened=data.labels(outcome).astype(int))
    table = table.astype(dict.fromkeys(texts, "category") | {name: "float64" for name in names if name not in texts})
    said, chosen = np.full(len(result.rows), np.nan), []
    for number in sorted(result.rows["fold"].unique()):
        place = np.flatnonzero(result.rows["fold"] == number)
        part = result.rows.iloc[place]
        first = part["as_of"].min().date()
        learn = table[table["as_of"] <= pd.Timestamp(last_matured(first, data.horizon_days))]
        test = part[["account_id", "as_of"]].merge(table, on=["account_id", "as_of"], how="left", validate="1:1")
        learn.drop(columns="as_of").to_parquet(scratch / "learn.parquet")
        test.drop(columns="as_of").to_parquet(scratch / "test.parquet")
        command = [str(python), str(HERE / "automl.py"), str(scratch), f"{seconds:.1f}", str(number)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{PEER} failed:\n{done.stderr[-2000:]}")
        found = pd.read_parquet(scratch / "said.parquet")
        probability = np.clip(found["said"].to_numpy(dtype=np.float64), 1e-6, 1 - 1e-6)
        said[place] = np.log(probability / (1 - probability))
        chosen.append(str(found["by"].iloc[0]))
    return said, ", ".join(chosen)


def ap_better_by(happened: Floats, ours: Floats, theirs: Floats, accounts: pd.Series) -> tuple[float, float, float]:
    """How much higher our average precision is, with the 95 % interval of a paired bootstrap over accounts."""
    codes = pd.factorize(accounts)[0]
    random, count = np.random.default_rng(0), codes.max() + 1
    found = []
    for draw in range(DRAWS + 1):
        weight = np.ones(count) if not draw else np.bincount(random.integers(0, count, count), minlength=count)
        rows = weight[codes].astype(np.float64)
        found.append(
            average_precision_score(happened, ours, sample_weight=rows)
            - average_precision_score(happened, theirs, sample_weight=rows)
        )
    low, high = np.quantile(found[1:], [0.025, 0.975])
    return found[0], float(low), float(high)


def promises(result: Backtest) -> str:
    """What was promised in each test period, what came, and between what a bootstrap over accounts lets that lie."""
    told, kept = [], 0
    for _, rows in result.rows.groupby("fold"):
        promised = float(sigmoid(rows[SERVED].to_numpy(dtype=np.float64)).sum())
        happened = rows["happened"].to_numpy(dtype=np.float64)
        came = interval(rows["account_id"], happened.dot, 0)
        kept += int(came.low <= promised <= came.high)
        told.append(f"{promised:.0f} / {came.value:.0f} ({came.low:.0f} to {came.high:.0f})")
    slope = result.metrics[OURS].slope
    return f"promised / came by test period: {'; '.join(told)}; within {kept} of {len(told)}; slope {slope:.2f}"


def compare(name: str, data: Dataset, outcome: str, python: Path | None, scratch: Path) -> bool:
    """Prints one table; whether ours is no worse than the peer, or without one than the last baseline, within the
    intervals."""
    begun = time.perf_counter()
    result = backtest(data, outcome, as_many_trees(data, outcome, Params()))
    took = time.perf_counter() - begun
    rows = result.rows
    seconds = 2 * took / rows["fold"].nunique()
    beside, contenders = "no peer", [OURS, *BASELINES]
    if python is not None:
        rows[PEER], chosen = peer(python, data, result, outcome, seconds, scratch)
        beside = f"{PEER} {seconds:.0f} s a fold, chose {chosen}"
        contenders.append(PEER)
    happened, ours = (rows[column].to_numpy(dtype=np.float64) for column in ("happened", SERVED))
    print(f"\n{name}, {outcome}: {len(rows):,} rows out of time, {int(happened.sum())} outcomes", end="; ")
    print(f"backtest {took:.0f} s, {beside}\n{promises(result)}")
    print("| | average precision | log loss | ours better by: average precision | log loss |\n|---|---|---|---|---|")
    for contender in contenders:
        said = rows[result.column(contender)].to_numpy(dtype=np.float64)
        line = f"| {contender} | {average_precision_score(happened, said):.3f} | {_loss(happened, said):.4f} |"
        if contender != OURS:
            precision = ap_better_by(happened, ours, said, rows["account_id"])
            loss = better_by(happened, ours, said, rows["account_id"], 0)
            line += f" {_told(precision, 3)} | {_told(loss, 4)} |"
        print(line, flush=True)
    return precision[2] >= 0 and loss[2] >= 0


def _loss(happened: Floats, said: Floats) -> float:
    return float(np.mean(np.logaddexp(0, said) - happened * said))


def _told(found: tuple[float, float, float], digits: int) -> str:
    return f"{found[0]:+.{digits}f} ({found[1]:+.{digits}f} to {found[2]:+.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[7, 8])
    parser.add_argument("--only", nargs="+", help="words that a data set's name and outcome must hold")
    parser.add_argument("--baselines", action="store_true", help="beside the baselines alone, without the peer")
    asked = parser.parse_args()
    reached = []
    with tempfile.TemporaryDirectory() as scratch:
        python = None
        if not asked.baselines:
            python = install(Path(scratch, "peer"), "flaml[automl]>=2.3", "pandas", "pyarrow")
        for name, data in datasets(asked.seeds, Path(scratch)):
            for outcome in ("churn", "expansion"):
                if all(word in f"{name} {outcome}" for word in asked.only or ()):
                    reached.append(compare(name, data, outcome, python, Path(scratch)))
    if not asked.baselines:
        print(f"\nno worse than {PEER} within the intervals: {sum(reached)} of {len(reached)}")
        sys.exit(0 if all(reached) else 1)


if __name__ == "__main__":
    main()
