"""The trail says what served before, and the pointer what serves now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.trail import PROMOTED, REFUSED, ROLLED_BACK, before, point, pointer, trail, write_down

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
    ],
)
def test_a_rollback_goes_to_what_served_before(told: str, current: str, earlier: str | None) -> None:
    entries = [{"action": ACTIONS[word[0]], "version": word[1:]} for word in told.split()]
    assert before(entries, current) == earlier


def test_what_is_written_down_is_read_in_order(tmp_path: Path) -> None:
    assert trail(tmp_path) == []
    for why in ("größer", "later"):
        write_down(tmp_path, {"why": why})
    assert [entry["why"] for entry in trail(tmp_path)] == ["größer", "later"]


def test_the_pointer_says_what_serves(tmp_path: Path) -> None:
    assert pointer(tmp_path, "churn") is None
    point(tmp_path, "churn", "3", tmp_path / "models" / "churn" / "3")
    assert pointer(tmp_path, "churn") == {"version": "3", "folder": "models/churn/3"}
    assert json.loads((tmp_path / "champions" / "churn.json").read_text(encoding="utf-8"))["version"] == "3"
