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
from urllib.request import urlopen

import numpy as np
import pytest

from tests.conftest import Company
from training import registry
from training.model import Model, ModelError, load
from training.registry import (
    PromotionRefused,
    Record,
    RegistryError,
    champion,
    champion_file,
    check_home,
    promote,
    register,
    rollback,
    trail,
)


def model_of(company: Company, outcome: str = "churn") -> Model:
    found = company.trained[outcome].model
    assert found is not None
    return found


def registered(company: Company, home: Path, *faults: str, growth: float = 0.0) -> str:
    """One more version of churn, told apart by its `growth`."""
    model = replace(model_of(company), growth=growth, version="unregistered")
    return register(home, Record(model, {"rounds": 1}, {"roc_auc": 0.7}, {"outcome": "churn"}, list(faults), {}))


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
    assert set(first) == {"at", "outcome", "version", "action", "why"}
    assert (first["outcome"], first["version"], first["action"]) == ("churn", "1", "promote")
    assert first["why"] == "too small a company for the gate"


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
    assert trail(home) == before
    assert champion(home, "churn") is not None
    assert promote(home, "churn", version, force=True, why="the pilot needs it").version == f"churn-v{version}"
    assert trail(home)[-1]["why"] == "the pilot needs it"


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


@pytest.mark.parametrize(
    ("installed", "current", "before"),
    [
        ([], None, None),
        (["1"], "1", None),
        (["1", "1"], "1", None),
        (["1", "2"], "2", "1"),
        (["1", "2", "1"], "1", None),
        (["1", "2", "3", "2"], "2", "1"),
        (["1", "2", "3", "2", "4"], "4", "2"),
    ],
)
def test_a_rollback_undoes_the_last_promotion_that_still_stands(
    installed: list[str], current: str | None, before: str | None
) -> None:
    assert registry._before(installed, current) == before


def test_what_is_not_there_is_refused_by_name(home: Path) -> None:
    with pytest.raises(RegistryError, match=r"churn has no version 9; there is 1"):
        promote(home, "churn", "9")
    with pytest.raises(RegistryError, match=r"contraction has no challenger; run `tenure train"):
        promote(home, "contraction")
    with pytest.raises(RegistryError, match="contraction has no earlier champion"):
        rollback(home, "contraction")


def test_a_refused_version_is_not_challenger(company: Company, tmp_path: Path) -> None:
    check_home(tmp_path)
    assert (tmp_path / "mlflow.db").is_file(), "every home has a tracking store of its own"
    registered(company, tmp_path, "too weak")
    with pytest.raises(RegistryError, match=r"no challenger.*or name a --version"):
        promote(tmp_path, "churn")


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
    assert int(register(home, record)) > 1


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
        assert [register(home, record), register(home, record)] == ["1", "2"]
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
