"""Onboarding steps by name, as known on a date."""

from __future__ import annotations

from pathlib import Path

from features.milestones import Milestone, milestones
from tests.worlds import AS_OF, day, opened, world

STEPS = """account_id | milestone | known_at | due_on | reached_at
           a          | users     | -90d     | -10d   |
           a          | import    | -90d     | -50d   | -3d
           a          | sso       | -90d     | -60d   | -70d
           a          | launch    | -90d     |        |
           a          | review    | -90d     | +20d   | +0d
           a          | later     | +0d      | +20d   |
           b          | sso       | -1d      | +9d    | """


def test_reached_steps_come_in_their_order_then_open_ones_as_they_fall_due(tmp_path: Path) -> None:
    found = milestones(opened(world(milestones=STEPS), tmp_path), AS_OF)
    assert found == {
        "a": (
            Milestone("sso", day(60), day(70)),
            Milestone("import", day(50), day(3)),
            Milestone("users", day(10), None),
            Milestone("review", day(-20), None),
            Milestone("launch", None, None),
        ),
        "b": (Milestone("sso", day(-9), None),),
    }


def test_without_the_table_there_are_no_steps(tmp_path: Path) -> None:
    assert milestones(opened(world(), tmp_path), AS_OF) == {}
