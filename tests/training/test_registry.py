"""The registry keeps every version, lets through what passed the gate, and comes back from any promotion."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, TimeoutError
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pytest

from tests.conftest import Company
from training import registry, tracking
from training.challenge import Beside
from training.model import Model, ModelError, load
from training.registry import (
    PromotionRefused,
    RegistryError,
    champion,
    champion_file,
    check_home,
    promote,
    register,
    rollback,
)
from training.tracking import Record, Registered
from training.trail import trail


def model_of(company: Company, outcome: str = "churn") -> Model:
    found = company.trained[outcome].model
    assert found is not None
    return found


def registered(company: Company, home: Path, *faults: str, growth: float = 0.0, **more: Any) -> str:
    """One more version of churn, told apart by its `growth`."""
    model = replace(model_of(company), growth=growth, version="unregistered")
    told = {"files": {}, "challenged": ()} | more
    record = Record(model, {"rounds": 1}, {"roc_auc": 0.7}, {"outcome": "churn"}, list(faults), **told)
    return register(home, record).version


def served_by(home: Path, outcome: str = "churn") -> str:
    found = champion(home, outcome)
    assert found is not None
    return found.version


def test_mlflow_itself_loads_what_serves(company: Company) -> None:
    mlflow = tracking.opened(company.home)
    loaded = mlflow.pyfunc.load_model("models:/tenure-churn/1")
    model, table = model_of(company), company.data.frame.tail(50)
    assert np.array_equal(loaded.predict(table), model.predict(table))
    assert np.array_equal(loaded.predict(table[["arr"]]), model.predict(table[["arr"]])), "a column may be absent"
    signature = loaded.metadata.signature
    assert signature is not None
    assert signature.inputs.input_names() == list(model.encoding.features)
    assert not any(column.required for column in signature.inputs)
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    files = [file for file in (company.home / "artefacts").rglob("*") if file.is_file()]
    assert {"booster.txt", "model.json", "MLmodel"} <= {file.name for file in files}
    assert not [file for file in files if file.suffix in (".pkl", ".pickle", ".joblib")]


def test_a_home_without_a_champion_has_none(tmp_path: Path) -> None:
    assert champion(tmp_path, "churn") is None
    assert champion_file(tmp_path, "churn", "card.md") is None
    assert trail(tmp_path) == []


def test_the_champion_is_the_model_that_was_trained(company: Company) -> None:
    served, trained = champion(company.home, "churn"), model_of(company)
    assert served is not None
    assert served.version == trained.version == "churn-v1"
    table = company.data.frame.tail(50)
    assert np.array_equal(served.predict(table), trained.predict(table))
    assert replace(served, booster=trained.booster, encoding=trained.encoding, typical=trained.typical) == trained


def test_the_card_is_kept_beside_the_champion(company: Company) -> None:
    card = champion_file(company.home, "churn", "card.md")
    assert card is not None
    assert card.startswith(b"# Churn within 90 days")
    assert champion_file(company.home, "churn", "nothing.md") is None


def test_the_trail_says_who_became_champion_and_why(company: Company) -> None:
    first = trail(company.home)[0]
    told = {"at", "outcome", "version", "action", "who", "why", "forced", "faults", "compared", "trials"}
    assert set(first) == told
    assert first["trials"] == 0
    assert (first["outcome"], first["version"], first["action"]) == ("churn", "1", "promote")
    assert (first["who"], first["why"]) == ("not said", "too small a company for the gate")
    assert (first["forced"], first["faults"]) == (True, list(company.trained["churn"].refused))


def test_a_version_that_the_gate_refused_needs_force_and_a_reason(company: Company, home: Path) -> None:
    before = trail(home)
    version = registered(company, home, "ROC-AUC out of time is 0.512", "calibration slope is 0.10")
    with pytest.raises(PromotionRefused) as refused:
        promote(home, "churn", version)
    assert refused.value.faults == ["ROC-AUC out of time is 0.512", "calibration slope is 0.10"]
    for words in (f"churn version {version} is not promoted", "0.512", "slope is 0.10"):
        assert words in str(refused.value)
    for why in ("", "   "):
        with pytest.raises(RegistryError, match="--force needs a reason"):
            promote(home, "churn", version, force=True, why=why)
    assert trail(home)[:-1] == before
    refusal = trail(home)[-1]
    assert (refusal["action"], refusal["version"], refusal["who"]) == ("refuse", version, "not said")
    assert (refusal["forced"], refusal["faults"]) == (False, refused.value.faults)
    assert served_by(home) == "churn-v1"
    forced = promote(home, "churn", version, force=True, why="the pilot needs it", who="ada")
    assert forced.version == f"churn-v{version}"
    entry = trail(home)[-1]
    assert (entry["action"], entry["who"], entry["why"]) == ("promote", "ada", "the pilot needs it")
    assert (entry["forced"], entry["faults"]) == (True, refused.value.faults)


def test_a_challenger_is_promoted_through_the_gate_and_rolled_back(company: Company, home: Path) -> None:
    version = registered(company, home, growth=0.5)
    assert version == "2"
    assert promote(home, "churn").version == "churn-v2"
    served = champion(home, "churn")
    assert served is not None
    assert (served.version, served.growth) == ("churn-v2", 0.5)
    assert trail(home)[-1]["why"] == "the gate passed"
    assert rollback(home, "churn").version == "churn-v1"
    back = champion(home, "churn")
    assert back is not None
    assert back.version == "churn-v1"
    assert [entry["action"] for entry in trail(home) if entry["outcome"] == "churn"] == [
        "promote",
        "promote",
        "rollback",
    ]
    with pytest.raises(RegistryError, match="no earlier champion"):
        rollback(home, "churn")


def test_rollbacks_walk_further_back_and_never_return(company: Company, home: Path) -> None:
    registered(company, home, growth=0.5)
    promote(home, "churn", "2")
    promote(home, "churn", "1", force=True, why="the old one again")
    with pytest.raises(PromotionRefused):
        promote(home, "churn", registered(company, home, "too weak"))
    assert rollback(home, "churn", who="ada").version == "churn-v2"
    assert (trail(home)[-1]["who"], trail(home)[-1]["why"]) == ("ada", "back from version 1")
    assert rollback(home, "churn").version == "churn-v1"
    with pytest.raises(RegistryError, match="no earlier champion"):
        rollback(home, "churn")
    promote(home, "churn", "2")
    assert rollback(home, "churn").version == "churn-v1"


def test_the_trail_says_how_many_trials_a_version_was_picked_of(company: Company, home: Path) -> None:
    record = Record(
        replace(model_of(company), version="unregistered"), {"trials": 2, "trials_asked": 40}, {}, {}, [], {}
    )
    register(home, record)
    promote(home, "churn")
    rollback(home, "churn")
    assert [entry["trials"] for entry in trail(home) if entry["outcome"] == "churn"] == [0, 2, 0]
    assert tracking.trials(registry._client(home), "churn", registered(company, home)) is None


def test_a_half_written_line_of_the_trail_breaks_neither_promotion_nor_rollback(company: Company, home: Path) -> None:
    registered(company, home)
    with (home / "promotions.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"at": "2026')
    assert promote(home, "churn", "2").version == "churn-v2"
    assert trail(home)[-1]["version"] == "2"
    assert rollback(home, "churn").version == "churn-v1"


def test_no_version_serves_without_its_entry(company: Company, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registered(company, home)
    before = trail(home)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(RegistryError, match=r"churn version 2 cannot be written down.*No space"):
            promote(home, "churn")
    with monkeypatch.context() as patched:
        patched.setattr(registry, "point", full)
        with pytest.raises(RegistryError, match=r"What served before goes on serving; make room"):
            promote(home, "churn")
    assert (trail(home), served_by(home)) == (before, "churn-v1")


def test_what_is_not_there_is_refused_by_name(home: Path) -> None:
    with pytest.raises(RegistryError, match=r"churn has no version 9; there is 1"):
        promote(home, "churn", "9")
    with pytest.raises(RegistryError, match=r"contraction has no challenger: not trained yet, .* Run `tenure train"):
        promote(home, "contraction")
    with pytest.raises(RegistryError, match="contraction has no earlier champion"):
        rollback(home, "contraction")


def test_a_refused_version_is_not_challenger(company: Company, tmp_path: Path) -> None:
    check_home(tmp_path)
    assert (tmp_path / "mlflow.db").is_file(), "every home has a tracking store of its own"
    registered(company, tmp_path, "too weak")
    with pytest.raises(
        PromotionRefused, match=r"churn has no challenger; the newest version, 1, was refused:\n  - too"
    ):
        promote(tmp_path, "churn")
    assert not (tmp_path / "models").exists()


def test_a_champion_is_not_promoted_again_in_place_of_a_refused_challenger(company: Company, home: Path) -> None:
    registered(company, home)
    promote(home, "churn")
    with pytest.raises(
        PromotionRefused, match=r"newer than the champion; no version is newer than 2\.\nRun `tenure train"
    ) as none:
        promote(home, "churn")
    assert none.value.faults == []
    registered(company, home, "ROC-AUC is 0.512", challenged=["another first reason"])
    with pytest.raises(PromotionRefused) as refused:
        promote(home, "churn", who="ada")
    assert refused.value.faults == ["ROC-AUC is 0.512", "another first reason"]
    for words in (
        "churn has no challenger that is newer than the champion",
        "the newest version, 3, was refused",
        "ROC-AUC is 0.512",
        "`tenure promote churn --version 3 --force --why '…'`",
    ):
        assert words in str(refused.value)
    entry = trail(home)[-1]
    assert (entry["action"], entry["version"], entry["who"]) == ("refuse", "3", "ada")
    assert entry["faults"] == refused.value.faults
    assert served_by(home) == "churn-v2"


def test_what_depends_on_the_champion_is_asked_when_it_is_promoted(
    company: Company, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 1 keeps its sample; the champion of this moment is another than when it was trained."""
    sample = champion_file(home, "churn", "sample.parquet")
    assert sample is not None
    registered(company, home, growth=0.5, files={"sample.parquet": sample}, challenged=["drifts from version 1"])
    asked: list[tuple[str, str, int]] = []

    def found(challenger: Model, serving: Model, rows: pd.DataFrame | None) -> Beside:
        asked.append((challenger.version, serving.version, 0 if rows is None else len(rows)))
        return Beside(("drifts",), ("compared",)) if serving.version == "churn-v1" else Beside((), ("alike",))

    monkeypatch.setattr(registry, "beside", found)
    with pytest.raises(PromotionRefused) as refused:
        promote(home, "churn", "2")
    assert refused.value.faults == ["drifts"], "what was found at training is asked anew"
    assert trail(home)[-1]["compared"] == ["compared"]
    registered(company, home, growth=0.25)
    promote(home, "churn", "3", force=True, why="a test")
    assert promote(home, "churn", "2").growth == 0.5
    assert [pair[:2] for pair in asked] == [
        ("churn-v2", "churn-v1"), ("churn-v3", "churn-v1"), ("churn-v2", "churn-v3"),
    ]  # fmt: skip
    assert trail(home)[-1]["compared"] == ["alike"]


def test_a_version_that_drifted_at_training_is_not_challenger(company: Company, home: Path) -> None:
    version = registered(company, home, challenged=["another first reason"])
    client = registry._client(home)
    assert tracking.alias(client, "churn", tracking.CHALLENGER) is None
    assert tracking.tagged(client, "churn", version, "faults") == []
    assert tracking.tagged(client, "churn", version, "challenged") == ["another first reason"]


def test_one_home_at_a_time_holds_the_champion_of_a_server(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'server.db'}")
    one, two = tmp_path / "one", tmp_path / "two"
    for home in (one, two):
        check_home(home)
    for growth in (0.1, 0.2, 0.3):
        registered(company, one, growth=growth)
    promote(one, "churn", "1")
    differs = r"expected the champion of churn to be the same.*version 1 there and none here.*--force --why"
    with pytest.raises(RegistryError, match=differs):
        promote(two, "churn", "2")
    assert champion(two, "churn") is None
    promote(two, "churn", "2", force=True, why="this home serves from now on")
    promote(two, "churn", "3")
    for version in ("3", None):
        with pytest.raises(RegistryError, match="version 3 there and version 1 here"):
            promote(one, "churn", version)
    assert rollback(two, "churn").version == "churn-v2"
    promote(one, "churn", "3", force=True, why="taken back")
    with pytest.raises(RegistryError, match="version 3 there and version 2 here"):
        rollback(two, "churn")
    assert (served_by(one), served_by(two)) == ("churn-v3", "churn-v2")


def test_promotions_at_the_same_time_leave_one_champion(company: Company, home: Path) -> None:
    versions = [registered(company, home, growth=growth) for growth in (0.25, 0.5)]
    code = (
        "import sys; from pathlib import Path; from training.registry import promote; "
        "promote(Path(sys.argv[1]), 'churn', sys.argv[2])"
    )
    other = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code, str(home), versions[0]])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda version: promote(home, "churn", version), versions * 2))
    assert other.wait(timeout=120) == 0
    served = champion(home, "churn")
    assert served is not None
    churns = [entry for entry in trail(home) if entry["outcome"] == "churn"]
    assert len(churns) == 1 + 4 + 1, "every promotion left its record, whole"
    assert served.version == f"churn-v{churns[-1]['version']}", "the last record is of the champion"
    assert served.growth == {versions[0]: 0.25, versions[1]: 0.5}[churns[-1]["version"]]
    alias = registry._client(home).get_model_version_by_alias("tenure-churn", "champion")
    assert f"churn-v{alias.version}" == served.version
    assert sorted(folder.name for folder in (home / "models" / "churn").iterdir()) == ["1", *versions]


def test_a_promotion_waits_for_the_one_before_it(home: Path) -> None:
    promote(home, "churn", "1", force=True, why="before")  # what is slow only once is over
    before = trail(home)
    with ThreadPoolExecutor(1) as pool:
        with (home / "registry.lock").open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            waiting = pool.submit(promote, home, "churn", "1", force=True, why="after the other")
            with pytest.raises(TimeoutError):
                waiting.result(timeout=1.5)
            assert trail(home) == before
        waiting.result(timeout=60)
    assert trail(home)[-1]["why"] == "after the other"


@pytest.mark.parametrize("work", ["begins", "registers"])
def test_workers_that_begin_or_end_together_take_turns(company: Company, home: Path, work: str) -> None:
    """Two that made the tables of one store, or the first version of one model, at once failed each other."""
    check_home(home)  # what is slow only once is over
    before = tracking.versions(registry._client(home), "churn")
    with ThreadPoolExecutor(1) as pool:
        with (home / "registry.lock").open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            waiting = (
                pool.submit(check_home, home)
                if work == "begins"
                else pool.submit(registered, company, home, growth=0.5)
            )
            with pytest.raises(TimeoutError):
                waiting.result(timeout=3)
            assert tracking.versions(registry._client(home), "churn") == before
        waiting.result(timeout=60)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"3", b'{"version": "1"}', b"\xff\xfe"])
def test_a_corrupted_pointer_is_named_and_not_followed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "champions").mkdir()
    (tmp_path / "champions" / "churn.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"champions/churn\.json is corrupted .* promote again"):
        champion(tmp_path, "churn")


def test_a_corrupted_copy_of_the_champion_is_not_served(home: Path) -> None:
    (home / "models" / "churn" / "1" / "booster.txt").write_text("tree", encoding="utf-8")
    with pytest.raises(ModelError, match="checksum differs"):
        champion(home, "churn")


def test_promoting_again_mends_a_corrupted_champion(home: Path) -> None:
    """Every message about a corrupted champion says: promote again."""
    (home / "models" / "churn" / "1" / "booster.txt").write_text("tree", encoding="utf-8")
    promote(home, "churn", "1", force=True, why="its copy was corrupted")
    served = champion(home, "churn")
    assert served is not None
    assert served.version == "churn-v1"


def test_promoting_again_mends_a_corrupted_pointer(home: Path) -> None:
    (home / "champions" / "churn.json").write_text("{", encoding="utf-8")
    promote(home, "churn", "1", force=True, why="its pointer was corrupted")
    assert champion(home, "churn") is not None


def test_a_tracking_server_that_does_not_answer_is_told_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    started = time.monotonic()
    with pytest.raises(RegistryError, match=rf"tracking store {address} does not answer"):
        check_home(tmp_path)
    assert time.monotonic() - started < 30


def test_a_store_that_fails_on_the_way_loses_no_model(
    company: Company, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is tracked, then the disk is full: the registry of models does not answer any more."""
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    model = replace(model_of(company), version="unregistered")
    record = Record(model, {"seed": 3}, {"roc_auc": 0.7}, {}, [], {"card.md": "# Card", "plot.svg": b"<svg/>"})
    for error in (MlflowException("database or disk is full"), OSError(28, "No space left on device")):

        def fails(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(MlflowClient, "create_model_version", fails)
            with pytest.raises(RegistryError, match=r"nothing is lost.*unregistered/churn-2026-10-01-3"):
                register(home, record)
        kept = home / "unregistered" / "churn-2026-10-01-3"
        assert sorted(file.name for file in kept.iterdir()) == ["booster.txt", "card.md", "model.json", "plot.svg"]
        table = company.data.frame.tail(20)
        assert np.array_equal(load(kept).predict(table), model.predict(table))
        assert [folder.name for folder in kept.parent.iterdir()] == [kept.name]
    assert int(register(home, record).version) > 1


def test_a_model_that_has_no_room_under_its_home_is_kept_elsewhere_or_said_to_be_lost(
    company: Company, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Store and home lie on one disk, and that is full; then there is no other either."""

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(registry, "tracked", fails)
    (home / "unregistered").write_bytes(b"")
    record = Record(replace(model_of(company), version="unregistered"), {"seed": 3}, {}, {}, [], {"card.md": "# Card"})
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(
        RegistryError, match=r"nothing is lost: .* are in .*/tenure-unregistered-\w+/churn-2026-10-01-3"
    ):
        register(home, record)
    (kept,) = tmp_path.glob("tenure-unregistered-*/*")
    assert load(kept).outcome == "churn"
    assert (kept / "card.md").read_text() == "# Card"
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(RegistryError, match=r"No space left on device; there is no room to keep the model either"):
        register(home, record)


def test_a_store_that_is_no_database_is_told_and_loses_no_model(company: Company, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database", encoding="utf-8")
    for work in (check_home, lambda home: promote(home, "churn"), lambda home: rollback(home, "churn")):
        with pytest.raises(RegistryError, match=r"does not answer: .*file is not a database"):
            work(tmp_path)
    with pytest.raises(RegistryError, match="nothing is lost"):
        register(tmp_path, Record(replace(model_of(company), version="unregistered"), {}, {}, {}, [], {}))
    assert list((tmp_path / "unregistered").glob("*/model.json"))


def test_a_full_disk_leaves_the_champion_that_was(company: Company, home: Path) -> None:
    """The system itself refuses to write files beyond a size, as it does where the disk is full."""
    version = registered(company, home, growth=0.5)
    script = (
        "import resource, sys; from pathlib import Path; from training.registry import promote, _client\n"
        "_client(Path(sys.argv[1])); resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "promote(Path(sys.argv[1]), 'churn', sys.argv[2])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(home), version], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"RegistryError: the tracking store failed" in done.stderr
    assert b"goes on serving" in done.stderr
    served = champion(home, "churn")
    assert served is not None
    assert served.version == "churn-v1"
    assert not (home / "models" / "churn" / version).exists()
    assert promote(home, "churn", version).version == f"churn-v{version}"


@contextmanager
def tracking_server(folder: Path) -> Iterator[str]:
    """A real `mlflow server` on loopback, on its own store."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store, artefacts = f"sqlite:///{folder / 'server.db'}", (folder / "artefacts").as_uri()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store, "--artifacts-destination", artefacts]
    quiet = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    quiet.pop("MLFLOW_TRACKING_URI", None)
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=quiet, start_new_session=True)
    try:
        for _ in range(240):
            with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
                assert answer.read() == b"OK"
                break
            assert server.poll() is None, (folder / "server.log").read_text()
            time.sleep(0.5)
        else:
            pytest.fail((folder / "server.log").read_text())
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


@pytest.mark.slow
def test_a_tracking_server_works_as_well_as_the_embedded_file(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, model = tmp_path / "home", replace(model_of(company), version="unregistered")
    record = Record(model, {"seed": 3}, {"roc_auc": 0.7}, {"outcome": "churn"}, [], {"card.md": "# Card"})
    with tracking_server(tmp_path) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        check_home(home)
        made = [register(home, record), register(home, record)]
        assert [one.version for one in made] == ["1", "2"]
        assert made[0] != Registered("1", made[1].card)
        assert made[0].card.startswith("mlflow-artifacts:/")
        loaded = tracking.opened(home).pyfunc.load_model("models:/tenure-churn/2")
        assert np.array_equal(loaded.predict(company.data.frame.tail(20)), model.predict(company.data.frame.tail(20)))
        assert loaded.metadata.signature is not None
        assert promote(home, "churn", "1").version == "churn-v1"
        assert promote(home, "churn").version == "churn-v2"
        assert rollback(home, "churn").version == "churn-v1"
        client = registry._client(home)
        assert str(client.get_model_version_by_alias("tenure-churn", "champion").version) == "1"
        assert not (home / "mlflow.db").exists()
    served, table = champion(home, "churn"), company.data.frame.tail(20)
    assert served is not None
    assert np.array_equal(served.predict(table), model.predict(table))
    with pytest.raises(RegistryError, match="nothing is lost"):
        register(home, record)
    with pytest.raises(RegistryError, match="does not answer"):
        promote(home, "churn", "2")
    assert champion_file(home, "churn", "card.md") == b"# Card"


def test_the_tracked_run_says_what_the_model_was_learnt_from(company: Company) -> None:
    client = registry._client(company.home)
    run = client.get_run(client.get_model_version("tenure-churn", "1").run_id)
    assert run.data.params["seed"] == "7"
    assert run.data.params["until"] == "2026-10-01"
    assert run.data.params["rows"] == str(len(company.data.frame))
    assert run.data.tags["outcome"] == "churn"
    assert len(run.data.tags["data_fingerprint"]) == 16
    result = company.trained["churn"].backtest
    assert result is not None
    assert run.data.metrics["tenure.roc_auc"] == pytest.approx(result.metrics["tenure"].roc_auc)
    assert run.data.tags["gate"] == "; ".join(company.trained["churn"].refused)
    assert json.loads(client.get_model_version("tenure-churn", "1").tags["faults"]) == list(
        company.trained["churn"].refused
    )
