"""What is kept is whole, and named by all that decides what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.kept import code_of, digest, whole


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


def test_a_name_follows_from_every_part() -> None:
    assert digest("a", 1) == digest("a", 1)
    assert len({digest("a", 1), digest("a", 2), digest("a", "1"), digest("a1"), digest(1, "a")}) == 5
    assert code_of(("kept.py",)) != code_of(("asof.py",)) != code_of()
