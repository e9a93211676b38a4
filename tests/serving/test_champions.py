"""Who answers what-if questions: the champions of this moment, also after a promotion."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from serving.champions import Champions
from serving.shelf import LOOK_AGAIN_SECONDS
from training.model import ModelError
from training.trail import point, pointer


class Clock:
    """Stands in for `time.monotonic`."""

    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("serving.champions.time", made)
    return made


def promoted(home: Path, version: str) -> None:
    """A copy of the champion of churn serves as another version."""
    serving, folder = pointer(home, "churn"), home / "models" / "churn" / version
    assert serving is not None
    shutil.copytree(home / serving["folder"], folder)
    point(home, "churn", version, folder)


def test_a_home_without_models_has_no_champions(tmp_path: Path) -> None:
    assert Champions(tmp_path).now() == {}


def test_each_champion_says_what_it_is(home: Path) -> None:
    found = Champions(home).now()
    assert set(found) == {"churn", "expansion"}
    for outcome, one in found.items():
        serving = pointer(home, outcome)
        assert serving is not None
        assert one.document["version"] == one.model.version == f"{outcome}-v{serving['version']}"
        assert one.document["card"].startswith("# ")


def test_a_promotion_is_noticed_while_they_serve(home: Path, clock: Clock) -> None:
    champions = Champions(home)
    before = champions.now()
    promoted(home, "77")
    (home / "champions" / "expansion.json").unlink()
    assert champions.now() is before
    clock.now += LOOK_AGAIN_SECONDS
    after = champions.now()
    assert set(after) == {"churn"}
    assert after["churn"].model is not before["churn"].model
    clock.now += LOOK_AGAIN_SECONDS
    assert champions.now() is after


def test_what_cannot_be_read_leaves_those_before(home: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    champions = Champions(home)
    before = champions.now()
    promoted(home, "77")
    next((home / "models" / "churn" / "77").glob("*.json")).write_text("{", encoding="utf-8")
    clock.now += LOOK_AGAIN_SECONDS
    with caplog.at_level(logging.WARNING, "tenure"):
        assert champions.now() is before
    assert "corrupted" in caplog.text
    with pytest.raises(ModelError):
        Champions(home)
    (home / "champions" / "churn.json").unlink()
    clock.now += LOOK_AGAIN_SECONDS
    assert set(champions.now()) == {"expansion"}
