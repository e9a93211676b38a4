"""One small simulated company, trained on, promoted and scored once for all tests that need a whole home."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from features.simulation import simulate
from features.warehouse import open_warehouse
from serving.access import access_key
from serving.record import score_of_record
from serving.scoring import Scoring
from training.dataset import Dataset, dataset
from training.registry import check_home, promote
from training.train import Trained, TrainingRun, train_outcome

OUTCOMES_TRAINED = ("churn", "expansion")
UNTIL, LATER, END = date(2026, 10, 1), date(2026, 10, 29), date(2026, 11, 1)
LOADED_ON = date(2026, 12, 1)
VARIABLES = ("MLFLOW_TRACKING_URI", "TENURE_HOME", "TENURE_API_KEY")


@dataclass(frozen=True)
class Company:
    """Tables that end on `END`, what was learnt from them before `UNTIL`, and the scores of `UNTIL` and `LATER`."""

    folder: Path
    home: Path
    run: TrainingRun
    data: Dataset
    trained: dict[str, Trained]
    scorings: dict[date, Scoring]
    withheld: dict[str, str]
    key: str


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The company; tests that change its home take `home`, a copy."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait spin, and starve whoever shares the machine
    for name in VARIABLES:
        os.environ.pop(name, None)
    place = tmp_path_factory.mktemp("company")
    folder, home = place / "tables", place / "home"
    simulate(folder, accounts=260, months=15, seed=5, end=END)
    warehouse = open_warehouse(str(folder), loaded_on=LOADED_ON)
    run = TrainingRun(UNTIL, OUTCOMES_TRAINED)
    check_home(home)
    data = dataset(warehouse, run.horizon_days, run.until)
    trained = {name: train_outcome(warehouse, data, run, name, home) for name in OUTCOMES_TRAINED}
    for name, one in trained.items():
        assert one.version is not None, one.refused
        promote(home, name, one.version, force=True, why="too small a company for the gate")
    scored = {day: score_of_record(warehouse, day, home) for day in (UNTIL, LATER)}
    warehouse.close()
    return Company(
        folder,
        home,
        run,
        data,
        trained,
        {day: scoring for day, (scoring, _) in scored.items()},
        scored[LATER][1],
        access_key(home),
    )


@pytest.fixture
def home(company: Company, tmp_path: Path) -> Path:
    """A home of one's own, alike to the company's."""
    copy = tmp_path / "home"
    shutil.copytree(company.home, copy)
    return copy


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads, or leaves behind, what the environment says of a home or a tracking server."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
