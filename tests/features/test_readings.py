"""What tickets and comments say stands beside them, each different text read once, and learnt when the text is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from features.readings import readings_schema, with_readings
from features.sentiment import INTENTS, read, read_all
from features.snapshot import snapshot
from features.warehouse import Warehouse
from tests.worlds import AS_OF, opened, spine_of, world

LEAVING = "We decided to cancel our subscription"
HAPPY = "Thank you, this works great"


def tickets(folder: Path) -> Warehouse:
    rows = "\n".join(
        f"{i} | a | -{i}d | {text}" for i, text in enumerate([LEAVING, HAPPY, LEAVING, "", "Bonjour à tous"], 1)
    )
    return opened(world(tickets=f"ticket_id | account_id | event_at | text\n{rows}"), folder)


def test_every_row_keeps_its_place_and_gets_its_text_s_reading(tmp_path: Path) -> None:
    rows = with_readings(tickets(tmp_path), "tickets").order_by("ticket_id").to_pandas()
    assert rows["ticket_id"].tolist() == ["1", "2", "3", "4", "5"]
    leaving, happy = read(LEAVING), read(HAPPY)
    assert leaving is not None
    assert happy is not None
    assert rows["text_sentiment"].tolist()[:3] == [leaving.sentiment, happy.sentiment, leaving.sentiment]
    assert rows["text_cancel"].tolist()[:3] == [True, False, True]
    assert rows["text_sentiment"].isna().tolist() == [False, False, False, True, True]


def test_each_different_text_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def listening(texts: pd.Series[str]) -> pd.DataFrame:
        asked.extend(texts)
        return read_all(texts)

    monkeypatch.setattr("features.readings.read_all", listening)
    warehouse = tickets(tmp_path)
    with_readings(warehouse, "tickets")
    with_readings(warehouse, "tickets")
    assert sorted(asked) == sorted({LEAVING, HAPPY, "Bonjour à tous"})


def test_a_source_without_texts_is_left_as_it_is(tmp_path: Path) -> None:
    warehouse = opened(world(tickets="ticket_id | account_id | event_at\n 1 | a | -3d"), tmp_path)
    assert with_readings(warehouse, "tickets") is warehouse.tables["tickets"]
    assert with_readings(warehouse, "accounts") is warehouse.tables["accounts"]
    assert readings_schema("accounts") == {}


def test_a_text_yields_a_mood_and_a_flag_an_intent() -> None:
    flags = {f"comment_{intent}": "boolean" for intent in INTENTS}
    assert readings_schema("surveys") == {"comment_sentiment": "float64"} | flags


def test_a_comment_s_mood_is_learnt_when_it_is_answered(tmp_path: Path) -> None:
    rows = f"1 | a | -9d | nps | {HAPPY} | +0d\n 2 | b | -9d | nps | {HAPPY} | -1d"
    tables = world(surveys=f"survey_id | account_id | event_at | kind | comment | answered_at\n{rows}")
    wanted = {"comment_mood_365d": CATALOGUE["comment_mood_365d"]}
    moods = snapshot(opened(tables, tmp_path), spine_of(["a", "b"], AS_OF), wanted)["comment_mood_365d"]
    assert moods.isna().tolist() == [True, False]
    assert moods[1] > 0


def test_tickets_of_an_account_speak_of_leaving(tmp_path: Path) -> None:
    wanted = {name: CATALOGUE[name] for name in ("cancel_mentions_180d", "ticket_mood_90d")}
    row = snapshot(tickets(tmp_path), spine_of(["a"], AS_OF), wanted).iloc[0]
    assert row["cancel_mentions_180d"] == 2
    leaving, happy = read(LEAVING), read(HAPPY)
    assert leaving is not None
    assert happy is not None
    assert row["ticket_mood_90d"] == pytest.approx((2 * leaving.sentiment + happy.sentiment) / 3, abs=1e-6)
