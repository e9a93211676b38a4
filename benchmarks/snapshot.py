"""Our snapshot beside hand-written SQL for the same twenty usage features: time and memory, in one run.

    python benchmarks/snapshot.py [--rows 2000000 --accounts 5000 --dates 12]

The reference is one DuckDB query a date over the same Parquet file, in the form found fastest by hand: filter by the
largest window, take the smallest age per user, feature and day once, then count ages under each window. Each run is a
process of its own, in turn; medians are printed. Loading and checking the tables, which only ours does, is told apart.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb

END = date(2026, 10, 1)
WINDOWS = (7, 28, 56, 90, 180)
NAMES = [f"{what}_{days}d" for what in ("events", "users", "features", "days") for days in WINDOWS]


def make(folder: Path, rows: int, accounts: int) -> None:
    """A company of `accounts` with `rows` usage rows over a year, as Parquet."""
    made = duckdb.connect()
    made.execute("SELECT setseed(0.5)")
    made.execute(
        f"COPY (SELECT 'a' || i AS account_id, DATE '2025-01-01' AS known_at FROM range({accounts}) t(i)) "
        f"TO '{folder}/accounts.parquet'"
    )
    made.execute(
        f"COPY (SELECT 's' || i AS subscription_id, 'a' || i AS account_id, DATE '2025-01-01' AS known_at, "
        f"DATE '2025-01-01' AS starts_on, 1000.0 AS arr FROM range({accounts}) t(i)) "
        f"TO '{folder}/subscriptions.parquet'"
    )
    made.execute(
        f"COPY (SELECT 'a' || (hash(i) % {accounts}) AS account_id, "
        f"TIMESTAMP '2025-10-01' + to_seconds((i * 31536000 // {rows})::BIGINT) AS event_at, "
        f"'u' || (hash(i + 7) % 20) AS user_id, 'f' || (hash(i * 3) % 12) AS feature, "
        f"(hash(i * 5) % 9 + 1)::DOUBLE AS quantity FROM range({rows}) t(i)) TO '{folder}/usage.parquet'"
    )


def dates(count: int) -> list[date]:
    return [END - timedelta(days=28 * step) for step in range(count)][::-1]


def reference(folder: Path, count: int) -> dict[str, float]:
    """Seconds of the hand-written queries."""
    counted = {"users": "user_id", "features": "feature", "days": "age"}
    engine = duckdb.connect()
    started = time.perf_counter()
    for as_of in dates(count):
        parts = [
            f"{what} AS (SELECT account_id, "
            f"{', '.join(f'count(*) FILTER (age <= {w}) AS {what}_{w}d' for w in WINDOWS)} "
            f"FROM (SELECT account_id, {column} AS value, min(age) AS age FROM seen GROUP BY ALL) GROUP BY account_id)"
            for what, column in counted.items()
        ]
        sums = ", ".join(f"sum(quantity) FILTER (age <= {w}) AS events_{w}d" for w in WINDOWS)
        joins = " ".join(f"LEFT JOIN {what} USING (account_id)" for what in counted)
        engine.execute(
            f"WITH seen AS (SELECT account_id, user_id, feature, quantity, "
            f"date_diff('day', event_at::DATE, DATE '{as_of}') AS age FROM '{folder}/usage.parquet' "
            f"WHERE event_at < DATE '{as_of}' AND event_at >= DATE '{as_of}' - {WINDOWS[-1]}), "
            f"events AS (SELECT account_id, {sums} FROM seen GROUP BY account_id), {', '.join(parts)} "
            f"SELECT * FROM events {joins}"
        ).df()
    return {"seconds": time.perf_counter() - started}


def ours(folder: Path, count: int) -> dict[str, float]:
    """Seconds of the snapshot of the same features, and of opening the warehouse."""
    from ibis import _

    from features.cohort import spine
    from features.feature import Feature, Healthy, Reason, Unit
    from features.measure import distinct, last, total
    from features.snapshot import snapshot
    from features.warehouse import open_warehouse

    measures = {f"events_{w}d": total(_.quantity, last(w)) for w in WINDOWS}
    for what, column in (("users", _.user_id), ("features", _.feature), ("days", _.event_age)):
        measures |= {f"{what}_{w}d": distinct(column, last(w)) for w in WINDOWS}
    features = {
        name: Feature(name, "usage", measure, name, name, Unit.COUNT, Healthy.HIGH, Reason.VALUE_GAP, 0)
        for name, measure in measures.items()
    }
    started = time.perf_counter()
    warehouse = open_warehouse(str(folder), loaded_on=END)
    opened = time.perf_counter()
    rows = spine(warehouse, dates(count))
    begun = time.perf_counter()
    table = snapshot(warehouse, rows, features)
    assert list(table.columns[2:]) == NAMES
    return {"seconds": time.perf_counter() - begun, "opening": opened - started}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--dates", type=int, default=12)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("WHO", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        found = {"reference": reference, "ours": ours}[asked.one[0]](Path(asked.one[1]), asked.dates)
        print(json.dumps(found | {"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch), asked.rows, asked.accounts)
        found = {"reference": [], "ours": []}
        for _ in range(asked.runs):
            for who, runs in found.items():
                command = [sys.executable, __file__, "--dates", str(asked.dates), "--one", who, scratch]
                runs.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    middle = {who: {k: statistics.median(run[k] for run in runs) for k in runs[0]} for who, runs in found.items()}
    print(
        f"{asked.rows:,} usage rows, {asked.accounts:,} accounts, {asked.dates} dates, 20 features, "
        f"medians of {asked.runs}"
    )
    for who, figures in middle.items():
        print(f"  {who:<10}" + "  ".join(f"{name} {value:,.2f}" for name, value in figures.items()))
    print(f"  ratio      {middle['ours']['seconds'] / middle['reference']['seconds']:.2f} (without opening)")


if __name__ == "__main__":
    main()
