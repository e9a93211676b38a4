"""The only door to MLflow: runs are tracked here, and models registered, in a file under the home or on a server.

2026-11-26: apart from `registry.py`, which says who becomes champion: that asks of MLflow no more than versions, their
tags and two aliases.
"""

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlparse

import numpy as np

from training.encoding import Encoding
from training.model import Model

CHALLENGER, CHAMPION = "challenger", "champion"
EXPERIMENT = "tenure"
STATE = "tenure"
"""The artefact folder of a run that holds booster.txt, model.json, the card and the sample."""
LOADER = "training.served_model"
REQUIREMENTS = ["lightgbm", "numpy", "pandas", "ibis-framework[duckdb]", "sqlglot", "pydantic"]
"""What the loader imports besides this package, which must be installed where a registered model is loaded."""


@dataclass(frozen=True)
class Record:
    """One tracked run to be registered: what it learnt from, how good it was, what the gate said (`faults`), and what
    spoke against it beside the champion of that moment (`challenged`: a promotion asks that anew)."""

    model: Model
    params: dict[str, Any]
    metrics: dict[str, float]
    tags: dict[str, str]
    faults: list[str]
    files: dict[str, str | bytes]
    challenged: Sequence[str] = ()


@dataclass(frozen=True)
class Registered:
    """A version in the registry, and where its card lies: a path, or an address on the tracking server."""

    version: str
    card: str


def opened(home: Path) -> ModuleType:
    """MLflow on SQLite under `home`, or on the server that MLFLOW_TRACKING_URI names."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # what is said there is ours, and may be JSON
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow
    import mlflow.pyfunc

    for name in ("mlflow", "mlflow.store.db.utils", "mlflow.tracking._model_registry.fluent", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what fails is raised too, and told in one line

    given = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(address(home))
    if not given:
        os.environ.pop("MLFLOW_TRACKING_URI", None)  # MLflow exports what it is told; the next home is another one
        artefacts = home.resolve() / "artefacts"
        if mlflow.get_experiment_by_name(EXPERIMENT) is None:
            mlflow.create_experiment(EXPERIMENT, artifact_location=artefacts.as_uri())
    return mlflow


def address(home: Path) -> str:
    """Where the tracking store is."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home.resolve() / 'mlflow.db'}"


def failure() -> tuple[type[Exception], ...]:
    """What MLflow raises where its store fails; what a file is that is no database it hands on as it was told."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow.exceptions import MlflowException
    from mlflow.store.db import utils

    return MlflowException, utils.sqlalchemy.exc.SQLAlchemyError  # type: ignore[attr-defined]


def written(record: Record, folder: Path) -> Path:
    """The model, its card and what belongs to it, as files of a new folder."""
    folder.mkdir()
    record.model.save(folder)
    for file, content in record.files.items():
        Path(folder, file).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def tracked(mlflow: ModuleType, record: Record) -> Registered:
    """Tracks the run and registers its model: challenger unless anything speaks against it.

    What is registered is what serves: MLflow's own loader gives the probabilities of `Model.predict`, from text and
    JSON (`training/served_model.py`). Nothing is pickled.
    """
    name = f"tenure-{record.model.outcome}"
    against = [*record.faults, *record.challenged]
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=f"{record.model.outcome}-{record.model.horizon_days}d") as run:
        mlflow.log_params(record.params)
        mlflow.log_metrics(record.metrics)
        mlflow.set_tags(record.tags | {"gate": "; ".join(against) or "passed"})
        with tempfile.TemporaryDirectory() as scratch:
            mlflow.log_artifacts(str(written(record, Path(scratch, STATE))), STATE)
            logged = _logged(mlflow, written(replace(record, files={}), Path(scratch, "model")), record.model.encoding)
    client = mlflow.MlflowClient()
    if not client.search_registered_models(f"name='{name}'"):
        client.create_registered_model(name)
    version = str(
        client.create_model_version(name, logged.model_uri, run.info.run_id, model_id=logged.model_id).version
    )
    client.set_model_version_tag(name, version, "run_id", run.info.run_id)
    client.set_model_version_tag(name, version, "faults", json.dumps(record.faults))
    client.set_model_version_tag(name, version, "challenged", json.dumps(list(record.challenged)))
    client.set_model_version_tag(name, version, "trials", json.dumps(record.params.get("trials")))
    if not against:
        client.set_registered_model_alias(name, CHALLENGER, version)
    card = f"{run.info.artifact_uri}/{STATE}/card.md"
    return Registered(version, unquote(urlparse(card).path) if card.startswith("file:") else card)


def _logged(mlflow: ModuleType, folder: Path, code: Encoding) -> Any:
    """The model of a folder, as MLflow keeps one. It is given the signature and asks for an example of a row as well,
    which would be an account's: that warning is not passed on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*An input example was not provided")
        return mlflow.pyfunc.log_model(
            name="model",
            loader_module=LOADER,
            data_path=str(folder),
            signature=_signature(mlflow, code),
            pip_requirements=REQUIREMENTS,
        )


def _signature(mlflow: ModuleType, code: Encoding) -> Any:
    """A snapshot's columns that the model reads, each of which may be absent or null, and a probability a row."""
    types = {name: "string" if name in code.categories else "double" for name in code.features}
    columns = [mlflow.types.ColSpec(kind, name, required=False) for name, kind in types.items()]
    answer = mlflow.types.TensorSpec(np.dtype(np.float64), (-1,), "probability")
    return mlflow.models.ModelSignature(mlflow.types.Schema(columns), mlflow.types.Schema([answer]))


def alias(client: Any, outcome: str, name: str) -> str | None:
    """The version that is challenger or champion; None if there is none."""
    models = client.search_registered_models(f"name='tenure-{outcome}'")
    return next((str(model.aliases[name]) for model in models if name in model.aliases), None)


def versions(client: Any, outcome: str) -> list[str]:
    """Every version of an outcome's model, oldest first."""
    found = client.search_model_versions(f"name='tenure-{outcome}'")
    return sorted((str(one.version) for one in found), key=int)


def trials(client: Any, outcome: str, version: str) -> int | None:
    """How many sets of parameters were tried for a version, 0 without a search; None where the version is older than
    the tag."""
    found: int | None = json.loads(client.get_model_version(f"tenure-{outcome}", version).tags.get("trials", "null"))
    return found


def tagged(client: Any, outcome: str, version: str, tag: str) -> list[str]:
    """The faults that a version was tagged with; none where the version is older than the tag."""
    found: list[str] = json.loads(client.get_model_version(f"tenure-{outcome}", version).tags.get(tag, "[]"))
    return found
