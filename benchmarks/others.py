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
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from features.warehouse import open_warehouse
from serving.playbooks import load_playbooks
from serving.score import scores_frame
from serving.scoring import score
from serving.tiers import load_tiers
from training.dataset import Dataset, joined
from training.metrics import metrics
from training.train import Trained, TrainingRun, train

EXAMPLES = Path(__file__).parent.parent / "examples"
MONTHS = {
    "saasguard": [date(2025, month, 1) for month in range(7, 12)],
    "churnsim-crm": [date(2023, month, 1) for month in range(7, 11)],
}
RUNS = (
    ("saasguard", 90, date(2025, 4, 1), {"churn": 0.99, "expansion": 0.97}),
    ("churnsim-crm", 60, date(2023, 4, 1), {"churn": 0.70}),
    ("churnsim-crm", 90, date(2023, 4, 1), {"expansion": 0.88}),
)


def evaluate(name: str, horizon_days: int, until: date, aims: Mapping[str, float]) -> bool:
    """Prints a line of figures an outcome; whether each aim was reached and every score adds up."""
    warehouse = open_warehouse(str(EXAMPLES / f"{name}.toml"), loaded_on=datetime.now(UTC).date())
    with tempfile.TemporaryDirectory() as home:
        trained = train(warehouse, TrainingRun(until, tuple(aims), horizon_days), Path(home))
    data = joined(warehouse, MONTHS[name], horizon_days, date.fromordinal(warehouse.last_day.toordinal() + 1))
    models = [one.model for one in trained if one.model is not None]
    worst = dict.fromkeys(aims, 0.0)
    for as_of in MONTHS[name]:
        scoring = score(warehouse, as_of, models, load_playbooks(), load_tiers())
        for row in scores_frame(scoring.scores).itertuples():
            total = row.base + sum(driver["share"] for driver in json.loads(row.drivers))
            off = abs(total - math.log(row.probability / (1 - row.probability)))
            worst[row.outcome] = max(worst[row.outcome], off)
    warehouse.close()
    reached = [_told(name, data, one, horizon_days, aims[one.outcome], worst[one.outcome]) for one in trained]
    return all(reached)


def _told(name: str, data: Dataset, trained: Trained, horizon_days: int, aim: float, worst: float) -> bool:
    if trained.model is None:
        print(f"{name:<14}{trained.outcome:<11} refused: {'; '.join(trained.refused)}")
        return False
    happened = data.labels(trained.outcome).to_numpy(dtype=np.float64)
    probability = trained.model.predict(data.frame)
    log_odds = np.log(probability) - np.log1p(-probability)
    found = metrics(happened, log_odds, data.frame["arr_before"].to_numpy(dtype=np.float64))
    gate = "gate open" if not trained.refused else f"gate refuses: {'; '.join(trained.refused)}"
    print(
        f"{name:<14}{trained.outcome:<11}{horizon_days:>4} d  rows {found.rows:>6,}  outcomes {found.outcomes:>4}  "
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
