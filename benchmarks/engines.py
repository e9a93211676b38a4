"""Every cell of the catalogue on three engines: DuckDB, a PostgreSQL server and a Spark cluster, compared and timed.

    python benchmarks/engines.py [--accounts 1000] [--months 18]      # needs `sh .ci/system.sh engines`

An invented company, two dates, all features and the labels. The server and the cluster (a master and two workers) are
real, on loopback, and end with the command. Prints each engine's time beside the embedded one's, and how many cells
differ; exit status 1 if any does.
"""

import argparse
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from features.cohort import spine
from features.simulation import simulate
from features.snapshot import snapshot
from features.warehouse import open_warehouse
from tests.engines import QUICK, load_postgres, postgres_server, spark_cluster
from training.outcomes import label

END = date(2026, 10, 1)
HORIZON = 60


def seen(location: str) -> tuple[pd.DataFrame, float]:
    """The features and the labels of two dates, and the seconds from opening the warehouse to closing it."""
    begun = time.perf_counter()
    warehouse = open_warehouse(location, loaded_on=END)
    rows = spine(warehouse, [END, END - timedelta(days=200)])
    cells = pd.concat([snapshot(warehouse, rows), label(warehouse, rows, HORIZON, END).add_prefix("label_")], axis=1)
    warehouse.close()
    return cells, time.perf_counter() - begun


def differing(one: pd.DataFrame, other: pd.DataFrame) -> int:
    """How many cells differ; two unknown ones do not."""
    if one.shape != other.shape or list(one) != list(other):
        raise SystemExit(f"the tables have not the same shape: {one.shape} and {other.shape}")
    found = 0
    for name in one:
        left, right = one[name].astype(object), other[name].astype(object)
        found += int(((left != right) & ~(left.isna() & right.isna())).sum())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--months", type=int, default=18)
    asked = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "company")
        simulate(folder, accounts=asked.accounts, months=asked.months, seed=7, end=END)
        usage = len(pd.read_parquet(folder / "usage.parquet", columns=["account_id"]))
        ours, embedded = seen(str(folder))
        size = f"{ours.shape[0]:,} rows x {ours.shape[1]} columns"
        print(f"{asked.accounts:,} accounts, {usage:,} usage rows, 2 dates: {size}", flush=True)
        print(f"DuckDB      {embedded:>6.1f} s")
        with postgres_server(Path(scratch, "postgres")) as server:
            theirs, took = seen(load_postgres(server, folder))
        wrong += _told("PostgreSQL", ours, theirs, took, embedded)
        with spark_cluster(Path(scratch, "spark")) as master:
            theirs, took = seen(f"{master}?folder={folder}&{QUICK}")
        wrong += _told("Spark", ours, theirs, took, embedded)
    sys.exit(1 if wrong else 0)


def _told(engine: str, ours: pd.DataFrame, theirs: pd.DataFrame, took: float, embedded: float) -> int:
    wrong = differing(ours, theirs)
    print(f"{engine:<11} {took:>6.1f} s, {took / embedded:.1f} x; {wrong} of {ours.size:,} cells differ", flush=True)
    return wrong


if __name__ == "__main__":
    main()
