"""What tickets and comments say stands beside them, each different text read once by the head of its quarter."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from features.catalogue import CATALOGUE
from features.head import Head, fit
from features.readings import heads_of, readings_schema, with_readings
from features.sentiment import INTENTS, read, read_all
from features.snapshot import snapshot
from features.warehouse import Warehouse, open_warehouse
from tests.features.test_head import lessons
from tests.worlds import AS_OF, LOADED_ON, World, opened, spine_of, world, written

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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that have been read, one after another."""
    heard: list[str] = []

    def listening(texts: pd.Series[str], head: Head | None) -> pd.DataFrame:
        heard.extend(texts)
        return read_all(texts, head)

    monkeypatch.setattr("features.readings.read_all", listening)
    return heard


def test_each_different_text_is_read_once(tmp_path: Path, asked: list[str]) -> None:
    warehouse = tickets(tmp_path)
    with_readings(warehouse, "tickets")
    with_readings(warehouse, "tickets")
    assert sorted(asked) == sorted({LEAVING, HAPPY, "Bonjour à tous"})


def test_what_was_read_once_is_kept_for_the_next_run(tmp_path: Path, asked: list[str]) -> None:
    seen = []
    for number, said in enumerate((f"1 | a | -1d | {HAPPY}", f"1 | a | -1d | {HAPPY}\n2 | a | -2d | {LEAVING}")):
        tables = world(tickets=f"ticket_id | account_id | event_at | text\n{said}")
        written(tables, tmp_path / f"export {number}")
        warehouse = open_warehouse(str(tmp_path / f"export {number}"), loaded_on=LOADED_ON, state=tmp_path / "state")
        rows = with_readings(warehouse, "tickets").order_by("ticket_id").to_pandas()
        seen.append(rows[["text_sentiment", "text_cancel"]])
        warehouse.close()
    assert asked == [HAPPY, LEAVING]
    pd.testing.assert_frame_equal(seen[1][:1], seen[0])
    assert seen[1]["text_cancel"].tolist() == [False, True]


def test_what_an_older_reader_left_is_cleared_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(world(tickets=f"ticket_id | account_id | event_at | text\n1 | a | -1d | {HAPPY}"), tmp_path / "export")
    left = []
    for code in ("older", "newer"):
        monkeypatch.setattr("features.readings.code_of", lambda _, code=code: code)
        warehouse = open_warehouse(str(tmp_path / "export"), loaded_on=LOADED_ON, state=tmp_path / "state")
        with_readings(warehouse, "tickets")
        warehouse.close()
        (folder,) = tmp_path.glob("state/readings/*")
        left.append(folder.name)
    assert left[0] != left[1]


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


OWN = "the blipper coughs and grinds, a clumsy gizmo"
WINTER, SPRING, SUMMER = "2026-02-10", "2026-05-10", "2026-07-10"
FIRST, SECOND, THIRD = 2026 * 4 + 1, 2026 * 4 + 2, 2026 * 4 + 3


def answers(at: str, *, seed: int = 0, kind: str = "nps", known: str = "", number: int = 120) -> list[str]:
    """Twice so many scored comments, answered on one day by nine accounts."""
    comments, scores, _ = lessons(number, number, seed)
    return [
        f"{at}{i:03} | a{i % 9} | 2025-02-02 | {known or at} | {kind} | {score:g} | {comment} | {at}"
        for i, (comment, score) in enumerate(zip(comments, scores, strict=True))
    ]


def company(surveys: list[str], *days: str) -> World:
    """A company with these surveys and a ticket in its own words on each of these days."""
    asked = [f"t{day} | b | {day} | {OWN}" for day in days]
    return world(
        surveys="\n".join(
            ["survey_id | account_id | event_at | known_at | kind | score | comment | answered_at", *surveys]
        ),
        tickets="\n".join(["ticket_id | account_id | event_at | text", *asked]),
    )


def moods(warehouse: Warehouse, source: str = "tickets") -> list[float]:
    """The moods of a source's rows, in the order of their ids."""
    rows = with_readings(warehouse, source).order_by(f"{source[:-1]}_id").to_pandas()
    return [float(mood) for mood in rows[{"tickets": "text", "surveys": "comment"}[source] + "_sentiment"]]


def alone(text: str = OWN) -> float:
    reading = read(text)
    assert reading is not None
    return reading.sentiment


def test_a_text_is_read_by_what_was_answered_before_its_quarter(tmp_path: Path) -> None:
    warehouse = opened(company(answers(WINTER), "2026-02-20", SPRING, SUMMER), tmp_path)
    same_quarter, next_quarter, later = moods(warehouse)
    assert same_quarter == alone()
    assert next_quarter == later < alone() - 0.2
    assert list(heads_of(warehouse)) == [SECOND, THIRD]
    assert heads_of(warehouse)[SECOND] == fit(*lessons(120, 120))


def test_a_head_that_was_learnt_is_kept_for_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(company(answers(WINTER), SPRING), tmp_path / "export")
    heads = []
    for _ in range(2):
        warehouse = open_warehouse(str(tmp_path / "export"), loaded_on=LOADED_ON, state=tmp_path / "state")
        heads.append(heads_of(warehouse))
        warehouse.close()
        monkeypatch.setattr(
            "features.readings.fit", lambda comments, *_: pytest.fail("learnt again") if comments else None
        )
    assert heads[0]
    assert heads[0] == heads[1]


def test_what_a_disk_has_spoilt_is_read_and_learnt_anew(tmp_path: Path) -> None:
    written(company(answers(WINTER), SPRING), tmp_path / "export")
    found = []
    for _ in range(2):
        warehouse = open_warehouse(str(tmp_path / "export"), loaded_on=LOADED_ON, state=tmp_path / "state")
        found.append((moods(warehouse), heads_of(warehouse)))
        warehouse.close()
        files = [*tmp_path.glob("state/readings/*/*"), *tmp_path.glob("state/heads/*/*")]
        assert {file.suffix for file in files} == {".parquet", ".json"}
        for file in files:
            file.write_bytes(b"spoilt")
    assert found[0] == found[1]


def test_what_is_answered_later_changes_no_earlier_reading(tmp_path: Path) -> None:
    early = company(answers(WINTER), "2026-02-20", SPRING)
    late = company(answers(WINTER) + answers(SPRING, seed=1), "2026-02-20", SPRING, SUMMER)
    before, after = opened(early, tmp_path / "early"), opened(late, tmp_path / "late")
    assert moods(after)[:2] == moods(before)
    assert heads_of(after)[SECOND] == heads_of(before)[SECOND]
    assert heads_of(after)[THIRD] != heads_of(after)[SECOND]
    assert moods(after, "surveys")[: 2 * 120] == pytest.approx(moods(before, "surveys"), rel=0, abs=0, nan_ok=True)


def test_an_answer_teaches_from_the_quarter_after_it_was_known(tmp_path: Path) -> None:
    warehouse = opened(company(answers(WINTER, known=SPRING), SPRING, SUMMER), tmp_path)
    assert list(heads_of(warehouse)) == [THIRD]
    assert moods(warehouse)[0] == alone() != moods(warehouse)[1]


def test_the_order_of_rows_is_nothing_to_a_head(tmp_path: Path) -> None:
    tables = company(answers(WINTER), SPRING)
    turned = {name: rows.iloc[::-1] for name, rows in tables.items()}
    one, other = opened(tables, tmp_path / "one"), opened(turned, tmp_path / "other")
    assert heads_of(one) == heads_of(other)
    assert moods(one) == moods(other)


@pytest.mark.parametrize(
    "few", [answers(WINTER, number=99), answers(WINTER, kind="csat"), answers(WINTER, kind="pulse")]
)
def test_without_enough_scored_comments_the_lexicon_speaks_alone(few: list[str], tmp_path: Path) -> None:
    warehouse = opened(company(few, SPRING), tmp_path)
    assert heads_of(warehouse) == {}
    assert moods(warehouse) == [alone()]
    rows = with_readings(warehouse, "surveys").to_pandas()
    expected = read_all(rows["comment"]).add_prefix("comment_")
    pd.testing.assert_frame_equal(rows[list(expected)].astype(expected.dtypes), expected, check_exact=True)


@pytest.mark.parametrize("column", ["score", "answered_at", "kind", "comment"])
def test_without_a_column_to_learn_from_there_is_no_head(column: str, tmp_path: Path) -> None:
    tables = company(answers(WINTER), SPRING)
    tables["surveys"] = tables["surveys"].drop(columns=column)
    warehouse = opened(tables, tmp_path)
    assert moods(warehouse) == [alone()]
    assert len(with_readings(warehouse, "surveys").to_pandas()) == 240


def test_intents_are_the_lexicon_s_whoever_reads(tmp_path: Path) -> None:
    tables = company(answers(WINTER), SPRING)
    tables["tickets"]["text"] = f"{LEAVING}, {OWN}"
    row = with_readings(opened(tables, tmp_path), "tickets").to_pandas().iloc[0]
    assert row["text_cancel"]
    assert not row["text_renew"]


def test_the_last_quarter_of_a_year_is_of_that_year(tmp_path: Path) -> None:
    warehouse = opened(company(answers("2025-08-10"), "2025-12-31 23:59", "2026-01-01"), tmp_path)
    assert list(heads_of(warehouse)) == [FIRST - 1, FIRST]
