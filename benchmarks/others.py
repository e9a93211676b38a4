"""How well Tenure does on somebody else's companies: the promised figures, printed.

    python benchmarks/others.py [--only saasguard]

Trains as `tenure train` does, forces nothing, and scores later dates whose outcomes are known by now.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from features.warehouse import open_warehouse
from serving.playbooks import load_playbooks
from serving.score import scores_frame
from serving.scoring import score
from serving.tiers import load_tiers
from training.dataset import joined
from training.metrics import metrics
from training.train import TrainingRun, train

EXAMPLES = Path(__file__).parent.parent / "examples"
MONTHS = {
    "saasguard": [date(2025, month, 1) for month in range(7, 12)],
    "churnsim-crm": [date(2023, month, 1) for month in range(7, 11)],
}
RUNS = (
    ("saasguard", "churn", 90, date(2025, 4, 1), 0.99),
    ("saasguard", "expansion", 90, date(2025, 4, 1), 0.97),
    ("churnsim-crm", "churn", 60, date(2023, 4, 1), 0.70),
    ("churnsim-crm", "expansion", 90, date(2023, 4, 1), 0.88),
)


def evaluate(name: str, outcome: str, horizon_days: int, until: date, aim: float) -> bool:
    """Prints one line of figures; whether the aim was reached and every score adds up."""
    warehouse = open_warehouse(str(EXAMPLES / f"{name}.toml"), loaded_on=datetime.now(UTC).date())
    with tempfile.TemporaryDirectory() as home:
        trained = train(warehouse, TrainingRun(until, (outcome,), horizon_days), Path(home))[0]
    if trained.model is None:
        print(f"{name:<14}{outcome:<11} refused: {'; '.join(trained.refused)}")
        return False
    data = joined(warehouse, MONTHS[name], horizon_days, date.fromordinal(warehouse.last_day.toordinal() + 1))
    happened = data.labels(outcome).to_numpy(dtype=np.float64)
    probability = trained.model.predict(data.frame)
    log_odds = np.log(probability) - np.log1p(-probability)
    found = metrics(happened, log_odds, data.frame["arr_before"].to_numpy(dtype=np.float64))
    worst = 0.0
    for as_of in MONTHS[name]:
        scoring = score(warehouse, as_of, [trained.model], load_playbooks(), load_tiers())
        for row in scores_frame(scoring.scores).itertuples():
            total = row.base + sum(driver["share"] for driver in json.loads(row.drivers))
            worst = max(worst, abs(total - math.log(row.probability / (1 - row.probability))))
    warehouse.close()
    gate = "gate open" if not trained.refused else f"gate refuses: {'; '.join(trained.refused)}"
    print(
        f"{name:<14}{outcome:<11}{horizon_days:>4} d  rows {found.rows:>6,}  outcomes {found.outcomes:>4}  "
        f"ROC-AUC {found.roc_auc:.3f} (aim {aim:.2f})  AP {found.average_precision:.3f}  "
        f"expected {found.expected:>5.0f}  slope {found.slope:.2f}  adds up to {worst:.0e}  {gate}",
        flush=True,
    )
    return found.roc_auc >= aim and worst <= 1e-6


def refused(name: str) -> bool:
    """Whether the negative control is refused, as its user would see it."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "serving.cli", "train", str(EXAMPLES / f"{name}.toml"), "--home", home]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    print(f"{name:<14}exit status {answer.returncode}: {answer.stdout.strip().splitlines()[0]}")
    return answer.returncode == 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="one data set")
    only = parser.parse_args().only
    reached = [evaluate(*run) for run in RUNS if only in (None, run[0])]
    if only in (None, "ravenstack"):
        reached.append(refused("ravenstack"))
    sys.exit(0 if all(reached) else 1)


if __name__ == "__main__":
    main()
