"""The feature pipeline at scale, beside its references, in one run: time, memory and ratios.

    python benchmarks/snapshot.py                               # everything, half an hour and 10 GB of disk
    python benchmarks/snapshot.py --rows 2000000 --accounts 5000 --large 0   # a quick look

An invented company with a year of usage and all other tables. Every figure is a process of its own; the two sides of
a ratio run in turn, and medians of `--runs` are printed. "Opened" means from the state kept of an earlier run, as every
daily run does; "fresh" includes reading and checking every row.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import references

END = date(2026, 10, 1)
HERE = Path(__file__).parent

ACCOUNT = (
    "['smb', 'mid_market', 'enterprise'][i % 3 + 1] AS segment, ['media', 'retail'][i % 2 + 1] AS industry, "
    "['EU', 'US'][i % 2 + 1] AS region, 'csm ' || i % 20 AS owner, i % 9 = 0 AS strategic, 10 + i % 500 AS employees"
)
TERM = (
    "'s' || i || '/' || k AS subscription_id, born + (k * 365)::INT AS known_at, born + (k * 365)::INT AS starts_on, "
    "born + ((k + 1) * 365)::INT AS ends_on, (1000.0 + i % 900) * (1 + k / 9) AS arr, 20 + k AS seats, "
    "['basic', 'pro'][i % 2 + 1] AS plan, 'core' AS product, i % 3 > 0 AS auto_renew, k / 10 AS discount, "
    "CASE WHEN i % 50 = 0 THEN born + ((k + 1) * 365 - 60)::INT END AS notice_at, "
    "CASE WHEN k = 0 THEN born + 365 END AS ended_on"
)
SMALL = {
    "entitlements": "'f' || k AS feature, k < 3 AS critical, 500.0 AS quota, DATE '2025-01-01' AS known_at",
    "milestones": "'step ' || k AS milestone, born AS known_at, born + (9 * k + 9)::INT AS due_on, "
    "CASE WHEN h % 4 > 0 THEN born + (9 * k + h % 9)::INT END AS reached_at",
    "tickets": "id AS ticket_id, moment AS event_at, ['low', 'normal', 'high', 'urgent'][h % 4 + 1] AS severity, "
    "['bug', 'security', 'billing'][h % 3 + 1] AS category, moment + to_hours((h % 99)::INT) AS first_response_at, "
    "CASE WHEN h % 9 > 0 THEN moment + to_hours((h % 999)::INT) END AS resolved_at, "
    "CASE WHEN h % 7 = 0 THEN moment + to_days(1) END AS escalated_at, "
    "CASE WHEN h % 5 = 0 THEN moment + to_days(9) END AS reopened_at, h % 5 + 1 AS rating, "
    "moment + to_days(10) AS rated_at, ['The export is slow', 'We may cancel', 'Thank you'][h % 3 + 1] AS text",
    "surveys": "id AS survey_id, moment AS event_at, ['nps', 'csat', 'pulse'][h % 3 + 1] AS kind, account_id || '/' || "
    "h % 5 AS contact_id, h % 11 AS score, CASE WHEN h % 5 > 0 THEN moment + to_days((h % 9)::INT) END AS answered_at, "
    "['Too slow', 'We love it', 'We want to renew', 'Too expensive for us'][h % 4 + 1] AS comment",
    "invoices": "id AS invoice_id, moment AS event_at, moment + to_days(30) AS due_on, 100.0 AS amount, "
    "['subscription', 'overage', 'credit'][h % 3 + 1] AS kind, "
    "CASE WHEN h % 9 > 0 THEN moment + to_days((h % 60)::INT) END AS paid_at, "
    "CASE WHEN h % 8 = 0 THEN moment + to_days(31) END AS failed_at",
    "contacts": "account_id || '/' || k AS contact_id, born AS event_at, ['champion', 'sponsor', 'decision_maker', "
    "'admin', 'user'][k + 1] AS role, ['VP Sales', 'Analyst'][h % 2 + 1] AS title, "
    "CASE WHEN h % 5 = 0 THEN moment END AS left_at, moment AS verified_at",
    "touchpoints": "id AS touchpoint_id, moment AS event_at, ['qbr', 'email', 'call', 'webinar', 'reference']"
    "[h % 5 + 1] AS kind, account_id || '/' || h % 5 AS contact_id, h % 3 > 0 AS attended, h % 2 > 0 AS two_way",
    "opportunities": "id AS opportunity_id, moment AS event_at, ['renewal', 'expansion'][h % 2 + 1] AS kind, "
    "900.0 AS amount, CASE WHEN h % 3 = 0 THEN moment + to_days(40) END AS closed_at, h % 6 = 0 AS won",
    "goals": "id AS goal_id, born AS event_at, moment AS due_on, (h % 100) / 100.0 AS progress, moment AS measured_at",
    "signals": "id AS signal_id, moment AS event_at, ['competitor', 'budget', 'upsell_interest', 'sponsor_change', "
    "'compliance', 'renewal_intent'][h % 6 + 1] AS kind, ['0.9', '0.5', '0.1'][h % 3 + 1] AS value",
}
"""The tables beside usage: what a row of an account is, from its number `k`, a hash `h` and a `moment`."""

PER_ACCOUNT = {"entitlements": 12, "milestones": 5, "tickets": 8, "surveys": 6, "invoices": 12, "contacts": 5}
PER_ACCOUNT |= {"touchpoints": 12, "opportunities": 1, "goals": 2, "signals": 1}


def make(folder: Path, rows: int, accounts: int) -> None:
    """A company of `accounts` with `rows` usage rows over a year, usage in a file a month and one for the last day."""
    import duckdb

    folder.mkdir(parents=True)
    made = duckdb.connect()
    young = "CASE WHEN i % 10 = 0 THEN i * 7 % 600 ELSE 0 END"
    each = f"SELECT 'a' || i AS account_id, DATE '2025-01-01' + ({young})::INT AS born, i FROM range({accounts}) t(i)"

    def write(name: str, query: str) -> None:
        made.execute(f"COPY ({query}) TO '{folder}/{name}.parquet'")

    write("accounts", f"SELECT account_id, born AS known_at, {ACCOUNT} FROM ({each})")
    write("subscriptions", f"SELECT account_id, {TERM} FROM ({each}), range(2) u(k)")
    for name, columns in SMALL.items():
        spread = "TIMESTAMP '2025-10-01' + to_seconds(h % 31449600)"
        numbered = (
            f"SELECT account_id, born, k, i || '/' || k AS id, (hash(i * 31 + k) // 2)::BIGINT AS h "
            f"FROM ({each}), range({PER_ACCOUNT[name]}) u(k)"
        )
        write(name, f"SELECT account_id, {columns} FROM (SELECT *, {spread} AS moment FROM ({numbered}))")
    (folder / "usage").mkdir()
    year, day = 365 * 86400, 86400
    edges = [0, *(year * month // 12 for month in range(1, 12)), year - day, year]
    for number, (first, until) in enumerate(pairwise(edges)):
        low, high = first * rows // year, until * rows // year
        write(
            f"usage/{number:02}",
            f"SELECT 'a' || (hash(i) % {accounts}) AS account_id, "
            f"TIMESTAMP '2025-10-01' + to_microseconds((i * {year * 1_000_000 // rows})::BIGINT) AS event_at, "
            f"'u' || (hash(i + 7) % 20) AS user_id, 't' || (hash(i + 7) % 3) AS team, "
            f"'f' || (hash(i * 3) % 12) AS feature, "
            f"(hash(i * 5) % 9 + 1)::DOUBLE AS quantity FROM range({low}, {high}) t(i)",
        )


def dates(count: int) -> list[date]:
    """`count` dates four weeks apart, the last the day after the last usage."""
    return [END - timedelta(days=28 * step) for step in range(count)][::-1]


def ours(folder: Path, state: Path, days: list[date], *, whole: bool) -> None:
    """Opens the warehouse and computes the snapshot, of the twenty usage features or of the whole catalogue."""
    from features.catalogue import CATALOGUE
    from features.cohort import spine
    from features.snapshot import snapshot
    from features.warehouse import open_warehouse

    warehouse = open_warehouse(str(folder), loaded_on=END, state=state)
    table = snapshot(warehouse, spine(warehouse, days), CATALOGUE if whole else references.features())
    assert len(table)
    warehouse.close()


WORK = {
    "sql": lambda folder, _: references.sql(folder, dates(12)),
    "pandas": lambda folder, _: references.pandas(folder, dates(12)),
    "featuretools": lambda folder, _: references.featuretools(folder, dates(12)),
    "twenty": lambda folder, state: ours(folder, state, dates(12), whole=False),
    "whole": lambda folder, state: ours(folder, state, dates(12), whole=True),
    "day": lambda folder, state: ours(folder, state, dates(1), whole=True),
}
"""What a process of its own does."""


class Bench:
    """Runs work in processes and remembers what each took."""

    def __init__(self, scratch: Path, runs: int) -> None:
        self.scratch, self.runs, self.python = scratch, runs, {"featuretools": str(scratch / "ft" / "bin" / "python")}

    def once(self, work: str, folder: Path, state: Path) -> dict[str, float]:
        """Seconds and megabytes of one process, import of libraries included."""
        command = [self.python.get(work, sys.executable), __file__, "--one", work, str(folder), str(state)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{work} failed:\n{done.stderr[-2000:]}")
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def fresh(self, folder: Path, hold_back: str | None = None) -> dict[str, float]:
        """The twelve-date run of the whole catalogue from nothing, perhaps without the file of the last day."""
        runs = []
        for _ in range(self.runs):
            shutil.rmtree(self.state(folder), ignore_errors=True)
            runs.append(self.held_back(folder, hold_back))
        return _middle(runs)

    def held_back(self, folder: Path, hold_back: str | None) -> dict[str, float]:
        aside = folder.parent / "held.parquet"
        if hold_back:
            (folder / hold_back).rename(aside)
        try:
            return self.once("whole", folder, self.state(folder))
        finally:
            if hold_back:
                aside.rename(folder / hold_back)

    def state(self, folder: Path) -> Path:
        return folder.with_name(f"{folder.name}-state")

    def in_turn(self, folder: Path, *works: str) -> list[dict[str, float]]:
        """The medians of several works on one folder, run in turn."""
        runs: dict[str, list[dict[str, float]]] = {work: [] for work in works}
        for _ in range(self.runs):
            for work, found in runs.items():
                found.append(self.once(work, folder, self.state(folder)))
        return [_middle(found) for found in runs.values()]

    def one_more_day(self, folder: Path) -> dict[str, float]:
        """A daily run: yesterday's state, the file of one more day, one date."""
        runs = []
        kept = folder.with_name("kept-state")
        shutil.rmtree(self.state(folder), ignore_errors=True)
        self.held_back(folder, "usage/12.parquet")
        shutil.copytree(self.state(folder), kept)
        for _ in range(self.runs):
            shutil.rmtree(self.state(folder))
            shutil.copytree(kept, self.state(folder))
            runs.append(self.once("day", folder, self.state(folder)))
        shutil.rmtree(kept)
        return _middle(runs)


def _middle(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def _line(work: str, found: dict[str, float], reference: str, beside: dict[str, float], aim: str) -> None:
    ratio = found["seconds"] / beside["seconds"]
    print(
        f"| {work} | {found['seconds']:.1f} s, {found['megabytes']:,.0f} MB | {reference} | {beside['seconds']:.1f} s, "
        f"{beside['megabytes']:,.0f} MB | {ratio:.3g} | {aim} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--accounts", type=int, default=50_000)
    parser.add_argument("--large", type=int, default=100_000_000, help="rows of the large company; 0 leaves it out")
    parser.add_argument("--featuretools", action="store_true", help="install and run featuretools as well")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one", nargs=3, metavar=("WORK", "FOLDER", "STATE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        references.timed(lambda: WORK[asked.one[0]](Path(asked.one[1]), Path(asked.one[2])))
        return
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), asked.runs)
        company = Path(scratch) / "company"
        make(company, asked.rows, asked.accounts)
        print(f"{asked.rows:,} usage rows, {asked.accounts:,} accounts, 12 dates; medians of {asked.runs}\n")
        print("| work | ours | reference | reference took | ratio | aim |\n|---|---|---|---|---|---|", flush=True)
        fresh = bench.fresh(company)
        twenty, by_hand, in_pandas, whole = bench.in_turn(company, "twenty", "sql", "pandas", "whole")
        _line("20 usage features, opened", twenty, "hand-written DuckDB SQL", by_hand, "1.3, 1 GB")
        _line("20 usage features, opened", twenty, "pandas", in_pandas, "0.5")
        _line("whole catalogue, opened", whole, "20 features", twenty, "4")
        _line("whole catalogue, fresh", fresh, "whole catalogue, opened", whole, "")
        _line("one more day", bench.one_more_day(company), "twelve dates, fresh", fresh, "0.05")
        if asked.featuretools:
            small = Path(scratch) / "small"
            make(small, asked.rows // 50, asked.accounts // 50)
            references.install_featuretools(Path(scratch) / "ft")
            bench.runs, runs = 1, bench.runs
            bench.once("twenty", small, bench.state(small))
            found, by_hand, peer = bench.in_turn(small, "twenty", "sql", "featuretools")
            bench.runs = runs
            _line(f"20 features, {asked.accounts // 50:,} accounts", found, "hand-written DuckDB SQL", by_hand, "")
            _line(f"20 features, {asked.accounts // 50:,} accounts", found, "featuretools", peer, "0.02")
        if asked.large:
            shutil.rmtree(bench.state(company))
            large = Path(scratch) / "large"
            make(large, asked.large, asked.accounts)
            bench.runs = 1
            _line(f"{asked.large:,} rows, fresh", bench.fresh(large), f"{asked.rows:,} rows, fresh", fresh, "5.5, 4 GB")


if __name__ == "__main__":
    main()
