"""How often the first reason of a correctly flagged churner is the true one, on simulated companies.

    python benchmarks/reasons.py [--seeds 7 8 9]

The true cause of every churn is kept in the simulation's `truth/`, which nothing of the product reads. "Other" (a
bankruptcy, a merger) has no reason to find and is left out.
"""

import argparse
import tempfile
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from features.simulation import simulate
from features.warehouse import open_warehouse
from serving.page import first_reason
from serving.playbooks import load_playbooks
from serving.scoring import score
from serving.tiers import load_tiers
from training.train import TrainingRun, train

END = date(2026, 10, 1)
UNTIL = date(2026, 4, 1)


def flagged_churners(seed: int, accounts: int, months: int) -> pd.DataFrame:
    """One row per (account, date) scored high that left within 90 days: its first reason and its true cause."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "company")
        simulate(folder, accounts=accounts, months=months, seed=seed, end=END)
        truth = pd.read_parquet(folder / "truth" / "churns.parquet")
        warehouse = open_warehouse(str(folder), loaded_on=END)
        model = train(warehouse, TrainingRun(UNTIL, ("churn",), seed=seed), Path(scratch, "home"))[0].model
        assert model is not None
        rows = []
        for as_of in [UNTIL + timedelta(days=30 * step) for step in range(4)]:
            for one in score(warehouse, as_of, [model], load_playbooks(), load_tiers()).scores:
                reason = first_reason(one)
                if one.tier == "high" and reason is not None:
                    rows.append((one.account_id, pd.Timestamp(as_of), reason.reason.value))
        warehouse.close()
    flagged = pd.DataFrame(rows, columns=["account_id", "as_of", "reason"])
    both = flagged.merge(truth[["account_id", "churned_on", "cause"]], on="account_id")
    ahead = (pd.to_datetime(both["churned_on"]) - both["as_of"]).dt.days
    return both[(ahead > 0) & (ahead <= 90) & (both["cause"] != "other")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--accounts", type=int, default=1500)
    parser.add_argument("--months", type=int, default=24)
    asked = parser.parse_args()
    for seed in asked.seeds:
        found = flagged_churners(seed, asked.accounts, asked.months)
        right = (found["reason"] == found["cause"]).mean()
        usual = found["cause"].value_counts(normalize=True).iloc[0]
        print(
            f"seed {seed}: {len(found):>4} correctly flagged churners, first reason is the true cause in {right:.0%} "
            f"(always naming the commonest cause: {usual:.0%})",
            flush=True,
        )


if __name__ == "__main__":
    main()
