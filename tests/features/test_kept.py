"""What is kept is whole, and named by all that decides what is in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import features.kept
from features.catalogue import CATALOGUE
from features.kept import bounded, code_of, digest, whole
from features.snapshot import snapshot
from features.warehouse import open_warehouse
from tests.worlds import AS_OF, spine_of, world, written


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.json"
    for content in ("1", "2"):
        with whole(path) as aside:
            aside.write_text(content)
    assert path.read_text() == "2"
    assert list(path.parent.iterdir()) == [path]


def test_half_a_file_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text("whole")

    def written_half() -> None:
        with whole(path) as aside:
            aside.write_text("ha")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        written_half()
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_of_files_of_an_ending_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features.kept, "MOST_KEPT", 2)
    for age, name in enumerate(("b.json", "c.json", "a.json", "old.parquet", ".aside.json")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1_000 - age, 1_000 - age))
    bounded(tmp_path, "json")
    assert {file.name for file in tmp_path.iterdir()} == {"b.json", "c.json", "old.parquet", ".aside.json"}


def test_queries_that_other_code_has_written_are_cleared(tmp_path: Path) -> None:
    folder = written(world(goals="goal_id | account_id | event_at\n g | a | -9d"), tmp_path / "tables")
    (tmp_path / "state" / "queries" / "by-other-code").mkdir(parents=True)
    warehouse = open_warehouse(str(folder), loaded_on=AS_OF, state=tmp_path / "state")
    for _ in range(2):
        assert snapshot(warehouse, spine_of(["a"], AS_OF), {"arr": CATALOGUE["arr"]})["arr"].tolist() == [1200]
    warehouse.close()
    (shelf,) = (tmp_path / "state" / "queries").iterdir()
    assert [file.suffix for file in shelf.iterdir()] == [".sql"]


def test_a_name_follows_from_every_part() -> None:
    assert digest("a", 1) == digest("a", 1)
    assert len({digest("a", 1), digest("a", 2), digest("a", "1"), digest("a1"), digest(1, "a")}) == 5
    assert code_of(("kept.py",)) != code_of(("asof.py",)) != code_of()
