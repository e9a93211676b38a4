"""Tracked runs and registered models: challenger, gate, champion, rollback. The only door to MLflow.

The registry is the record; what serves is a copy of the champion as text and JSON under `home/models`, so that the
serving process needs no MLflow. Pointers are written aside, then renamed; one lock keeps promotions in a row.
"""

import fcntl
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from features.kept import whole
from training.model import Model, ModelError, load

CHALLENGER, CHAMPION = "challenger", "champion"
EXPERIMENT = "tenure"
_STATE = "tenure"  # the artefact folder of a run that holds booster.txt and model.json
REQUIREMENTS = ["lightgbm", "numpy", "pandas"]


class RegistryError(ValueError):
    """A registry that cannot be reached, or a model that is not there."""


class PromotionRefused(Exception):
    """The gate said no; `faults` names each test that failed and by how much."""

    def __init__(self, name: str, faults: list[str]) -> None:
        super().__init__(f"{name} is not promoted:\n" + "\n".join(f"  - {fault}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True)
class Record:
    """One tracked run to be registered: what it learnt from, how good it was, and what the gate said."""

    model: Model
    params: dict[str, Any]
    metrics: dict[str, float]
    tags: dict[str, str]
    faults: list[str]
    files: dict[str, str | bytes]


def check_home(home: Path) -> None:
    """Makes `home` and checks that the tracking store answers, before any long work; `RegistryError` if not."""
    home.mkdir(parents=True, exist_ok=True)
    _client(home)


def register(home: Path, record: Record) -> str:
    """Tracks the run, registers its model and names it challenger unless the gate refused it; the version.

    If the tracking store fails on the way, the model and its card are kept under `home/unregistered`, and
    `RegistryError` says where.
    """
    mlflow = _mlflow(home)
    try:
        return _registered(mlflow, record)
    except (mlflow.exceptions.MlflowException, OSError) as error:
        folder = home / "unregistered" / f"{record.model.outcome}-{record.model.until}-{record.params.get('seed', 0)}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            if folder.exists():
                folder.rename(Path(scratch, "earlier"))
            _written(record, Path(scratch, "model")).rename(folder)
        raise RegistryError(
            f"the tracking store {mlflow.get_tracking_uri()} failed while the run was being registered: "
            f"{str(error).splitlines()[0]}; nothing is lost: the model and its card are in {folder}. Mend the store "
            "and train again: the same tables and seed give the same model"
        ) from error


def _written(record: Record, folder: Path) -> Path:
    """The model, its card and what belongs to it, as files of a new folder."""
    folder.mkdir()
    record.model.save(folder)
    for file, content in record.files.items():
        Path(folder, file).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def _registered(mlflow: ModuleType, record: Record) -> str:
    name = f"tenure-{record.model.outcome}"
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=f"{record.model.outcome}-{record.model.horizon_days}d") as run:
        mlflow.log_params(record.params)
        mlflow.log_metrics(record.metrics)
        mlflow.set_tags(record.tags | {"gate": "; ".join(record.faults) or "passed"})
        with tempfile.TemporaryDirectory() as scratch:
            mlflow.log_artifacts(str(_written(record, Path(scratch, _STATE))), _STATE)
        logged = mlflow.lightgbm.log_model(record.model.booster, name="booster", pip_requirements=REQUIREMENTS)
    client = mlflow.MlflowClient()
    if not client.search_registered_models(f"name='{name}'"):
        client.create_registered_model(name)
    version = str(
        client.create_model_version(name, logged.model_uri, run.info.run_id, model_id=logged.model_id).version
    )
    client.set_model_version_tag(name, version, "run_id", run.info.run_id)
    client.set_model_version_tag(name, version, "faults", json.dumps(record.faults))
    if not record.faults:
        client.set_registered_model_alias(name, CHALLENGER, version)
    return version


def promote(home: Path, outcome: str, version: str | None = None, *, force: bool = False, why: str = "") -> Model:
    """The challenger, or `version`, becomes champion if its gate passed, or by `force` with a reason.

    Raises `PromotionRefused`, `RegistryError` where there is no such model, `ModelError` where it is corrupted.
    """
    if force and not why.strip():
        raise RegistryError("--force needs a reason: say --why 'what you know that the gate does not'")
    client, name = _client(home), f"tenure-{outcome}"
    chosen = version or _alias(client, name, CHALLENGER)
    if chosen is None:
        raise RegistryError(
            f"{outcome} has no challenger; run `tenure train … --outcome {outcome}` first"
            + (", or name a --version" if _versions(client, name) else "")
        )
    if chosen not in _versions(client, name):
        raise RegistryError(
            f"{outcome} has no version {chosen}; there is {', '.join(_versions(client, name)) or 'none'}"
        )
    tags = client.get_model_version(name, chosen).tags
    faults = json.loads(tags.get("faults", "[]"))
    if faults and not force:
        raise PromotionRefused(f"{outcome} version {chosen}", faults)
    with _lock(home), _store_that_answers():
        return _install(home, client, outcome, chosen, "promote", why or "the gate passed")


def rollback(home: Path, outcome: str) -> Model:
    """The champion before the present one serves again; `RegistryError` if there was none."""
    client = _client(home)
    with _lock(home), _store_that_answers():
        installed = [entry["version"] for entry in trail(home) if entry["outcome"] == outcome]
        current = _pointer(home, outcome)
        before = _before(installed, current["version"] if current else None)
        if before is None:
            raise RegistryError(f"{outcome} has no earlier champion to roll back to")
        return _install(home, client, outcome, before, "rollback", f"back from version {current['version']}")  # type: ignore[index]


def trail(home: Path) -> list[dict[str, str]]:
    """Every promotion and rollback, oldest first: `at`, `outcome`, `version`, `action`, `why`."""
    path = home / "promotions.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def champion(home: Path, outcome: str) -> Model | None:
    """The model that serves, read from its copy; None if none was promoted; `ModelError` if it is corrupted."""
    pointer = _pointer(home, outcome)
    return None if pointer is None else load(home / pointer["folder"])


def champion_file(home: Path, outcome: str, file: str) -> bytes | None:
    """A file kept beside the champion, such as its card; None if there is none."""
    pointer = _pointer(home, outcome)
    path = home / pointer["folder"] / file if pointer else None
    return path.read_bytes() if path is not None and path.is_file() else None


def _install(home: Path, client: Any, outcome: str, version: str, action: str, why: str) -> Model:
    name = f"tenure-{outcome}"
    run_id = client.get_model_version(name, version).tags["run_id"]
    folder = home / "models" / outcome / version
    model = _kept(folder)
    if model is None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            fetched = Path(client.download_artifacts(run_id, _STATE, scratch))
            model = replace(load(fetched), version=f"{outcome}-v{version}")
            model.save(fetched)
            if folder.exists():
                folder.rename(Path(scratch, "corrupted"))
            fetched.rename(folder)
    client.set_registered_model_alias(name, CHAMPION, version)
    with whole(home / "champions" / f"{outcome}.json") as aside:
        aside.write_text(json.dumps({"version": version, "folder": str(folder.relative_to(home))}), encoding="utf-8")
    entry = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "outcome": outcome, "version": version}
    with (home / "promotions.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry | {"action": action, "why": why}) + "\n")
    return model


def _kept(folder: Path) -> Model | None:
    """The copy of a version that is there already; None if there is none, or it is corrupted: then it is made anew."""
    try:
        return load(folder)
    except ModelError:
        return None


def _before(installed: list[str], current: str | None) -> str | None:
    """The version that served before the present one: rollbacks undo promotions, last first."""
    serving: list[str] = []
    for version in installed:
        if len(serving) > 1 and serving[-2] == version:
            serving.pop()
        elif not serving or serving[-1] != version:
            serving.append(version)
    return serving[-2] if len(serving) > 1 and serving[-1] == current else None


def _pointer(home: Path, outcome: str) -> dict[str, str] | None:
    path = home / "champions" / f"{outcome}.json"
    if not path.exists():
        return None
    try:
        pointer: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return {"version": pointer["version"], "folder": pointer["folder"]}
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} is corrupted ({error!r}); promote again") from error


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    with (home / "registry.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _store_that_answers() -> Iterator[None]:
    """A store that fails on the way to a new champion is a `RegistryError`."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise RegistryError(
            f"the tracking store failed: {str(error).splitlines()[0]} Is it there, and is there room on the disk? "
            "What served before goes on serving; promote again"
        ) from error


def _alias(client: Any, name: str, alias: str) -> str | None:
    return next(
        (
            str(model.aliases[alias])
            for model in client.search_registered_models(f"name='{name}'")
            if alias in model.aliases
        ),
        None,
    )


def _versions(client: Any, name: str) -> list[str]:
    return sorted((str(found.version) for found in client.search_model_versions(f"name='{name}'")), key=int)


def _client(home: Path) -> Any:
    mlflow = _mlflow(home)
    client = mlflow.MlflowClient()
    try:
        client.search_experiments(max_results=1)
    except mlflow.exceptions.MlflowException as error:
        first = str(error).splitlines()[0]
        raise RegistryError(f"the tracking store {mlflow.get_tracking_uri()} does not answer: {first}") from error
    return client


def _mlflow(home: Path) -> ModuleType:
    """MLflow on SQLite under `home`, or on the server that MLFLOW_TRACKING_URI names."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow
    import mlflow.lightgbm

    for name in ("mlflow", "mlflow.store.db.utils", "mlflow.tracking._model_registry.fluent", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)

    given = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(given or f"sqlite:///{home.resolve() / 'mlflow.db'}")
    if not given:
        os.environ.pop("MLFLOW_TRACKING_URI", None)  # MLflow exports what it is told; the next home is another one
        artefacts = home.resolve() / "artefacts"
        if mlflow.get_experiment_by_name(EXPERIMENT) is None:
            mlflow.create_experiment(EXPERIMENT, artifact_location=artefacts.as_uri())
    return mlflow
