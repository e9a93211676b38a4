"""What a fit costs beside bare LightGBM, and what a default training run costs: medians, ratios, peak memory.

    python benchmarks/fit.py [--rows 550000] [--features 80] [--runs 3] [--accounts 5000]

Bare LightGBM gets the very matrix that ours learns from (every row at each horizon), the same parameters and the same
start; ours has to encode, to stack and to learn where signals usually lie besides. Each work is a process of its own;
the import of libraries is nobody's.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE
from features.feature import Unit
from features.simulation import simulate
from training.booster import Params
from training.encoding import encoding
from training.horizons import AHEAD, HORIZONS, directions, label_at, lessons
from training.model import fit

END = date(2026, 10, 1)


def made(rows: int, features: int) -> pd.DataFrame:
    """An invented snapshot with outcomes at every horizon; a fifth of its cells is unknown."""
    random = np.random.default_rng(0)
    numbers = [name for name, feature in CATALOGUE.items() if feature.unit is not Unit.CATEGORY]
    chosen = ["days_to_renewal", *(name for name in numbers if name != "days_to_renewal")][:features]
    cells = random.gamma(1.0, 20.0, (rows, features)).round(1)
    cells[random.random((rows, features)) < 0.2] = np.nan
    cells[:, 0] = random.integers(1, 365, rows)
    odds = 0.02 * np.nan_to_num(cells[:, 1:9], nan=20).sum(axis=1) - 6 - cells[:, 0] / 90
    table = pd.DataFrame(cells, columns=chosen)
    table["account_id"] = [f"a{place % max(rows // 24, 1)}" for place in range(rows)]
    table["as_of"] = pd.Timestamp(END)
    luck = random.random(rows)
    for days in HORIZONS:
        table[label_at("churn", days)] = luck < 1 / (1 + np.exp(-odds - np.log(days / 90)))
    return table


def ours(table: pd.DataFrame) -> float:
    import lightgbm  # noqa: F401
    import sklearn.linear_model  # noqa: F401

    happened = table[label_at("churn", 90)].to_numpy(dtype=np.float64)
    begun = time.perf_counter()
    fit(table, happened, Params(), outcome="churn", horizon_days=90, until=str(END))
    return time.perf_counter() - begun


def bare(table: pd.DataFrame) -> float:
    import lightgbm

    happened = table[label_at("churn", 90)].to_numpy(dtype=np.float64)
    code = encoding(table)
    learnt = lessons(code, table, happened, "churn", 90)
    settings = Params().lightgbm() | {
        "min_data_in_leaf": Params().min_data_in_leaf * len(learnt.horizons),
        "monotone_constraints": directions(code.features, "churn"),
    }
    begun = time.perf_counter()
    data = lightgbm.Dataset(
        learnt.matrix,
        label=learnt.happened,
        init_score=learnt.start.log_odds(learnt.matrix[:, -len(AHEAD) :]),
        params={"max_bin": 63, "verbosity": -1},
    )
    lightgbm.train(settings, data, num_boost_round=Params().rounds)
    return time.perf_counter() - begun


def single(table: pd.DataFrame) -> float:
    """Bare LightGBM at one horizon: what somebody would write who asks one question."""
    import lightgbm

    happened = table[label_at("churn", 90)].to_numpy(dtype=np.float64)
    matrix = encoding(table).matrix(table)
    begun = time.perf_counter()
    data = lightgbm.Dataset(matrix, label=happened, params={"max_bin": 63, "verbosity": -1})
    lightgbm.train(Params().lightgbm(), data, num_boost_round=Params().rounds)
    return time.perf_counter() - begun


WORK = {"ours": ours, "bare": bare, "single": single}


def once(work: str, table: Path) -> tuple[float, float]:
    """Seconds of the work, and the peak megabytes of its process."""
    command = [sys.executable, __file__, "--one", work, str(table)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
    return seconds, megabytes


def whole(accounts: int) -> tuple[float, float]:
    """Seconds and peak megabytes of `tenure train` with its defaults on an invented company of 24 months."""
    with tempfile.TemporaryDirectory() as scratch:
        simulate(Path(scratch, "company"), accounts=accounts, months=24, seed=7, end=END)
        command = [sys.executable, "-m", "serving.cli", "train", str(Path(scratch, "company"))]
        begun = time.perf_counter()
        done = subprocess.run(
            [*command, "--until", str(END + timedelta(days=1)), "--home", str(Path(scratch, "home"))],
            capture_output=True,
            text=True,
            check=False,
        )
        took = time.perf_counter() - begun
        if done.returncode not in (0, 1):
            raise SystemExit(f"training failed:\n{done.stderr[-2000:]}")
    return took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=550_000)
    parser.add_argument("--features", type=int, default=80)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--accounts", type=int, default=5000, help="of the default training run; 0 leaves it out")
    parser.add_argument("--one", nargs=2, metavar=("WORK", "TABLE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        seconds = WORK[asked.one[0]](pd.read_parquet(asked.one[1]))
        print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        return
    if asked.accounts:
        seconds, megabytes = whole(asked.accounts)
        print(f"tenure train, {asked.accounts:,} accounts, 24 months: {seconds:.0f} s (aim 300), {megabytes:,.0f} MB")
    with tempfile.TemporaryDirectory() as scratch:
        table = Path(scratch, "table.parquet")
        made(asked.rows, asked.features).to_parquet(table)
        took: dict[str, list[tuple[float, float]]] = {work: [] for work in WORK}
        for _ in range(asked.runs):
            for work, runs in took.items():
                runs.append(once(work, table))
    size = f"{asked.rows:,} rows x {asked.features} features at {len(HORIZONS)} horizons"
    print(f"fit, {size}; medians of {asked.runs}")
    seconds = {work: median(second for second, _ in runs) for work, runs in took.items()}
    for work, words in (
        ("ours", "fit"),
        ("bare", "bare LightGBM, the same matrix"),
        ("single", "bare LightGBM, one horizon"),
    ):
        most = max(megabytes for _, megabytes in took[work])
        print(f"{words:<32}{seconds[work]:>7.1f} s  {most:>7,.0f} MB  ratio {seconds['ours'] / seconds[work]:.2f}")
    print("aim: 1.2 of bare LightGBM on the same matrix")


if __name__ == "__main__":
    main()
