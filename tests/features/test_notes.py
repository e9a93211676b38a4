"""What stands behind a number, as known on a date."""

from __future__ import annotations

from pathlib import Path

from features.notes import Note, notes
from tests.worlds import AS_OF, day, opened, world

SURVEYS = """survey_id | account_id | event_at | kind  | score | answered_at | author
             1         | a          | -30d     | pulse | 4     | -30d        | Ines
             2         | a          | -9d      | pulse | 2     | -8d         | Omar
             3         | a          | -3d      | pulse | 5     | +0d         | Omar
             4         | a          | -2d      | nps   | 9     | -2d         |
             5         | b          | -9d      | pulse | 3.5   | -9d         | """
SIGNALS = """signal_id | account_id | event_at | kind           | value   | author
             1         | a          | -20d     | renewal_intent | 0.9     | Ines
             2         | a          | -9d      | renewal_intent | perhaps | Omar
             3         | a          | -1d      | budget         | 0.1     | Omar
             4         | b          | -181d    | renewal_intent | 0.5     | Ines"""
USAGE = """account_id | event_at | feature
           a          | -29d     | core
           a          | -40d     | core
           a          | -28d     | extra
           a          | -112d    | report
           a          | -113d    | old
           a          | -50d     | plain
           b          | -40d     | core"""
ENTITLEMENTS = """account_id | feature | known_at | critical
                  a          | core    | -300d    | yes
                  a          | extra   | -300d    | yes
                  a          | report  | -300d    | yes
                  a          | old     | -300d    | yes
                  a          | plain   | -300d    | no"""


def test_behind_a_number_stand_its_author_and_day_or_the_names_of_what_stopped(tmp_path: Path) -> None:
    told = world(surveys=SURVEYS, signals=SIGNALS, usage=USAGE, entitlements=ENTITLEMENTS)
    assert notes(opened(told, tmp_path), AS_OF) == {
        "a": (
            Note("pulse_last", "2", "Omar", day(8)),
            Note("renewal_intent_180d", "perhaps", "Omar", day(9)),
            Note("critical_features_stopped", "core", None, day(29)),
            Note("critical_features_stopped", "report", None, day(112)),
        ),
        "b": (Note("pulse_last", "3.5", None, day(9)),),
    }


def test_what_was_not_given_leaves_no_note(tmp_path: Path) -> None:
    assert notes(opened(world(), tmp_path), AS_OF) == {}
    bare = world(usage=USAGE, surveys="survey_id | account_id | event_at\n1 | a | -9d")
    assert notes(opened(bare, tmp_path / "bare"), AS_OF) == {}
