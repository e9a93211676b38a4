"""The trail says what served before, and the pointer what serves now."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from training.trail import PROMOTED, REFUSED, ROLLED_BACK, before, point, pointer, trail, unread, written_down

ENTRY = {"at": "2026-11-26T10:00:00+00:00", "outcome": "churn", "version": "1", "action": PROMOTED}
ACTIONS = {"p": PROMOTED, "b": ROLLED_BACK, "r": REFUSED}


@pytest.mark.parametrize(
    ("told", "current", "earlier"),
    [
        ("p1", "1", None),
        ("p1 p1", "1", None),
        ("p1 p2", "2", "1"),
        ("p1 p2 b1", "1", None),
        ("p1 p2 p1", "1", "2"),
        ("p1 p2 p1 b2", "2", "1"),
        ("p1 p2 p1 b2 b1", "1", None),
        ("p1 p2 p3 b2", "2", "1"),
        ("p1 p2 p3 b2 p4", "4", "2"),
        ("p1 p2 p3 b2 p4 b2", "2", "1"),
        ("p1 r2", "1", None),
        ("p1 p2 r3", "2", "1"),
        ("", "2", None),
        ("p1", "2", "1"),
        ("b1", "1", None),
        ("p1 p2", "1", None),
        ("p1 p2 b1", "2", "1"),
        ("p1 p2 p3", "2", "1"),
    ],
)
def test_a_rollback_goes_to_what_served_before(told: str, current: str, earlier: str | None) -> None:
    entries = [{"action": ACTIONS[word[0]], "version": word[1:]} for word in told.split()]
    assert before(entries, current) == earlier


def write(home: Path, why: str) -> None:
    with written_down(home, ENTRY | {"why": why}):
        pass


def test_what_is_written_down_is_read_in_order(tmp_path: Path) -> None:
    assert trail(tmp_path) == []
    for why in ("größer", "later"):
        write(tmp_path, why)
    assert [entry["why"] for entry in trail(tmp_path)] == ["größer", "later"]
    assert unread(tmp_path) is None


@pytest.mark.parametrize(
    "line",
    [
        b'{"at": "2026',
        b"\xff\xfe",
        b"[]",
        b"3",
        b'{"at": "2026-11-26"}',
        b'{"at": "x", "outcome": "churn", "version": 1, "action": "promote"}',
    ],
)
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_that_is_no_entry_is_passed_over_and_said(tmp_path: Path, line: bytes, end: bytes) -> None:
    write(tmp_path, "before")
    with (tmp_path / "promotions.jsonl").open("ab") as file:
        file.write(line + end)
    write(tmp_path, "after")
    assert [entry["why"] for entry in trail(tmp_path)] == ["before", "after"]
    assert "promotions.jsonl: line 2 is no entry of the trail" in str(unread(tmp_path))


def test_an_entry_is_taken_back_where_what_it_tells_of_fails(tmp_path: Path) -> None:
    write(tmp_path, "before")
    told = (tmp_path / "promotions.jsonl").read_bytes()

    def fails() -> None:
        with written_down(tmp_path, ENTRY):
            assert len(trail(tmp_path)) == 2, "it is written before the rest is done"
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fails()
    assert (tmp_path / "promotions.jsonl").read_bytes() == told


def test_an_entry_that_fits_only_in_part_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "before")
    room, writes = iter([20]), os.write

    def full(file: int, text: bytes) -> int:
        for left in room:
            return writes(file, text[:left])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path, "too long")
    assert [entry["why"] for entry in trail(tmp_path)] == ["before"]
    assert unread(tmp_path) is None


def test_the_pointer_says_what_serves(tmp_path: Path) -> None:
    assert pointer(tmp_path, "churn") is None
    point(tmp_path, "churn", "3", tmp_path / "models" / "churn" / "3")
    assert pointer(tmp_path, "churn") == {"version": "3", "folder": "models/churn/3"}
    assert json.loads((tmp_path / "champions" / "churn.json").read_text(encoding="utf-8"))["version"] == "3"
