"""How MLflow loads a registered model: from the text and JSON that it was saved as, to the probabilities that are
served.

2026-11-26: the bare booster was logged before. Its raw probabilities know neither the horizon, nor the calibration, nor
where the trees begin, so whoever loaded it by MLflow's own means got other figures than the page shows.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from training.calibration import Floats
from training.model import Model, load


@dataclass(frozen=True)
class ServedModel:
    """What `mlflow.pyfunc.load_model` wraps."""

    model: Model

    def predict(self, table: pd.DataFrame) -> Floats:
        """(rows,) the probability that is served of each row of a snapshot, at the model's own horizon."""
        return self.model.predict(table)


def _load_pyfunc(folder: str) -> ServedModel:
    """The name that MLflow asks a loader for."""
    return ServedModel(load(Path(folder)))
