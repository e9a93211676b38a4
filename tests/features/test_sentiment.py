"""Texts are read as a seasoned customer-success manager would read them, and no text raises."""

import re
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.head import Head
from features.lexicon import LEXICON_PATH, lexicon
from features.plain import folded
from features.sentiment import INTENTS, LEXICON_VERSION, Reading, read, read_all

PHRASES = Path(__file__).with_name("sentiment_phrases.csv")
BAND = 0.2


def judged(text: str) -> Reading:
    reading = read(text)
    assert reading is not None, text
    return reading


def stated(text: str) -> set[str]:
    reading = judged(text)
    return {intent for intent in INTENTS if getattr(reading, intent)}


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("we are evaluating alternatives", {"competitor"}),
        ("We won't renew.", {"cancel"}),
        ("Please cancel our subscription.", {"cancel"}),
        ("Can we drop 10 seats?", {"downgrade"}),
        ("Our budget was cut.", {"budget"}),
    ],
)
def test_bad_news_in_plain_words_is_negative(text: str, intents: set[str]) -> None:
    assert stated(text) == intents
    assert judged(text).sentiment < -BAND


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("please add 20 more seats", {"more_seats"}),
        ("We are happy to renew for two years.", {"renew"}),
        ("We will not cancel, we love it.", set()),
        ("We have never had a better vendor.", set()),
    ],
)
def test_good_news_in_plain_words_is_positive(text: str, intents: set[str]) -> None:
    assert stated(text) == intents
    assert judged(text).sentiment > BAND


@pytest.mark.parametrize(
    "text",
    [
        "We are not going to cancel.",
        "No plans to leave, we like it here.",
        "They aren’t looking at alternatives.",
        "We don't need 20 more seats.",
        "We never considered switching to Zendesk.",
        "Please don't cancel our subscription.",
        "We decided against a downgrade.",
    ],
)
def test_what_is_denied_is_not_stated(text: str) -> None:
    assert stated(text) == set()


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("It is not fast, so we are evaluating alternatives.", "competitor"),
        ("We are not only unhappy, we will cancel.", "cancel"),
        ("Nobody answers and we want to cancel the contract.", "cancel"),
        ("We are not happy. Please cancel our plan.", "cancel"),
    ],
)
def test_a_denial_of_something_else_does_not_deny(text: str, intent: str) -> None:
    assert intent in stated(text)


@pytest.mark.parametrize(
    ("text", "mood"),
    [
        ("The search used to be great.", -1),
        ("I wish the export were as good.", -1),
        ("It would be nice if the report was correct.", -1),
        ("This could have been a great tool.", -1),
        ("Couldn't be more annoyed.", -1),
        ("I could not be less impressed.", -1),
        ("It was great until the last release.", -1),
        ("Couldn't be more pleased.", 1),
        ("I no longer get any errors.", 1),
        ("It used to be slow, now it is a joy.", 1),
        ("It would be great if you could add a dark theme.", 0),
        ("I wish you a great weekend.", 1),
    ],
)
def test_what_is_not_so_is_no_praise_and_no_blame(text: str, mood: int) -> None:
    found = judged(text).sentiment
    assert (found >= BAND) - (found <= -BAND) == mood, found


@pytest.mark.parametrize(
    "text", ["Please cancel tomorrow's meeting.", "When is our renewal date?", "How do I cancel an invitation?"]
)
def test_everyday_requests_state_nothing(text: str) -> None:
    assert stated(text) == set()
    assert abs(judged(text).sentiment) < BAND


@pytest.mark.parametrize("text", [None, "", "  \n", "42", "?!", "👍", "\x00\x07", "> quoted only", "<p></p>"])
def test_a_text_that_says_nothing_is_unknown(text: str | None) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Die App ist toll und sehr gut",
        "Wir möchten unseren Vertrag kündigen.",
        "Le produit est très bon mais trop cher",
        "El soporte es excelente",
        "O suporte é ótimo",
        "Ottimo prodotto, grazie",
        "Het werkt niet goed",
        "このツールは素晴らしい",
        "Отличный продукт",
        "asdf qwer zxcv",
    ],
)
def test_other_languages_are_unknown_never_neutral(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize("text", ["Great", "Bad UX", "Love it", "Too slow", "Still not fixed"])
def test_short_english_is_judged(text: str) -> None:
    assert judged(text).sentiment != 0


def test_markup_code_quotes_and_addresses_are_not_the_writers_words() -> None:
    plain = judged("The export works well.")
    dressed = (
        "<style>p { color: red }</style><p>The export\u200b works <b>well</b>.</p>\n"
        "> we will cancel our subscription\n```raise TerribleError```\nhttps://example.com/awful bad@example.com"
    )
    assert judged(dressed) == plain


def test_emoji_are_heard_beside_words() -> None:
    assert judged("the new release 😡").sentiment < judged("the new release 😍").sentiment


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=400)
    | st.lists(
        st.sampled_from(["not", "cancel", "renew", "seats", "the", "great", "<p>", "```", "\n", "!", ">", "20", "'"])
        | st.characters(),
        max_size=120,
    ).map(" ".join)
)
def test_any_text_does_no_harm(text: str) -> None:
    reading = read(text)
    assert reading is None or -1 <= reading.sentiment <= 1


@pytest.mark.parametrize(
    "piece",
    [
        "The outage was terrible. ",
        "terrible ",
        "please cancel the ",
        "cancel all of our ",
        "would be so if ",
        "<a ",
        "\n>",
        "x",
        "& ",
    ],
)
def test_a_comment_of_100_kb_is_read_in_bounded_time(piece: str) -> None:
    text = (piece * 100_000)[:100_000]
    read("warm up")
    started = time.process_time()
    read(text)
    assert time.process_time() - started < 1.0  # far above the 50 ms promised: the benchmark times it


def test_a_long_text_is_judged_by_its_beginning_and_its_end() -> None:
    middle = "The report has a page. " * 4000
    assert "cancel" in stated(f"We want to cancel our contract. {middle}")
    assert "cancel" in stated(f"{middle} We want to cancel our contract.")


def test_a_table_keeps_its_index_and_its_unknowns() -> None:
    texts = pd.Series(["Great", None, "we are evaluating alternatives", "Great", "👍"], index=[5, 3, 9, 1, 7])
    found = read_all(texts)
    assert list(found.columns) == ["sentiment", *INTENTS]
    assert list(found.index) == [5, 3, 9, 1, 7]
    assert found["sentiment"].isna().tolist() == [False, True, False, False, True]
    assert found["sentiment"].dtype == "float64"
    assert found["competitor"].dtype == "boolean"
    assert found["competitor"].isna().tolist() == [False, True, False, False, True]
    assert bool(found.loc[9, "competitor"])
    assert found["sentiment"].iloc[[0, 3]].tolist() == [judged("Great").sentiment] * 2


@pytest.mark.parametrize("texts", [pd.Series([], dtype="str"), pd.Series([None, None], dtype="object")])
def test_a_table_without_texts_is_a_table(texts: "pd.Series[str]") -> None:
    found = read_all(texts)
    assert len(found) == len(texts)
    assert found.isna().all(axis=None)


def test_distinct_texts_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def note(text: str) -> None:
        asked.append(text)

    monkeypatch.setattr("features.sentiment.read", note)
    read_all(pd.Series(["a", "b", "a", None, "a"]))
    assert asked == ["a", "b"]


HEAD = Head.from_text(
    '{"learnt_from": 300, "intercept": 0.0, "terms": {"gremlin": [2.0, -3.0], "the": [1.0, 0.1], "is": [1.0, 0.0], '
    '"tempo": [2.0, 3.0], "das": [1.0, 0.5]}}'
)


def test_a_head_has_a_say_in_what_it_knows() -> None:
    texts = pd.Series(["the gremlin is great", "we are evaluating alternatives", None, "👍", "Gremlin"])
    alone, together = read_all(texts), read_all(texts, HEAD)
    assert together["sentiment"][0] < alone["sentiment"][0]
    assert together["sentiment"][1] == alone["sentiment"][1], "a text of which the head knows no word"
    assert together["sentiment"].isna().tolist() == [False, False, True, True, False]
    pd.testing.assert_frame_equal(together.drop(columns="sentiment"), alone.drop(columns="sentiment"))


def test_the_less_of_a_text_a_head_knows_the_less_it_is_trusted() -> None:
    texts = [f"the gremlin is great{' and we hope' * words}" for words in range(6)]
    alone, together = read_all(pd.Series(texts)), read_all(pd.Series(texts), HEAD)
    gaps = (alone["sentiment"] - together["sentiment"]).tolist()
    assert gaps == sorted(gaps, reverse=True)
    assert 0 < gaps[-1] < 0.01 < 0.2 < gaps[0]


def test_a_head_alone_reads_a_language_that_it_learnt() -> None:
    texts = pd.Series(["Das Tempo", "Das Tempo und der Preis sind uns nicht recht", "Le produit"])
    found = read_all(texts, HEAD)
    assert found["sentiment"][0] == HEAD.sentiment("Das Tempo") > 0.5
    assert found["sentiment"].isna().tolist() == [False, True, True]
    assert found["cancel"].isna().all(), "its intents stay unknown"


def test_a_text_is_folded_as_patterns_that_ignore_case_would_read_it() -> None:
    letters = [chr(number) for number in range(0x30000)]
    latin = re.compile("[a-z]", re.IGNORECASE)
    assert [one for one in letters if folded(one) in "abcdefghijklmnopqrstuvwxyz"] == list(filter(latin.match, letters))
    assert all(re.fullmatch(folded(one), one, re.IGNORECASE) for one in filter(latin.match, letters))
    assert len(folded("".join(letters))) == len(letters)


def test_capitals_and_phrases_are_heard_wherever_they_stand() -> None:
    assert stated("PLEASE CANCEL OUR SUBSCRIPTION") == stated("please cancel our subscription") == {"cancel"}
    assert judged("It WORKS LIKE A CHARM").sentiment > judged("It works").sentiment


def test_a_sentence_is_heard_alike_the_first_time_and_later() -> None:
    text = "The export went dark. We are evaluating alternatives! " + "It went well and " * 30
    assert judged(text) == judged(text) == judged(f"{text} ")


def test_the_version_is_the_lexicons() -> None:
    assert lexicon().version == LEXICON_VERSION
    assert f'version = "{LEXICON_VERSION}"' in LEXICON_PATH.read_text(encoding="utf-8")
    with pytest.raises(ImportError):
        exec("from features.sentiment import NOTHING_OF_THE_KIND")


def test_the_labels_are_whole() -> None:
    phrases = pd.read_csv(PHRASES, keep_default_na=False)
    assert len(phrases) >= 320
    assert phrases["text"].is_unique
    assert set(phrases["sentiment"]) == {"negative", "neutral", "positive"}
    assert set(phrases["half"]) == {"tune", "test", "hard"}
    assert {intent for cell in phrases["intents"] for intent in cell.split(";")} == {*INTENTS, ""}


def test_held_out_phrases_are_read_as_well_as_measured() -> None:
    phrases = pd.read_csv(PHRASES, keep_default_na=False).query("half == 'test'")
    found = read_all(phrases["text"])
    moods = pd.Series("neutral", index=phrases.index)
    moods = moods.mask(found["sentiment"] >= BAND, "positive").mask(found["sentiment"] <= -BAND, "negative")
    assert (moods == phrases["sentiment"]).mean() >= 0.86
    for mood, floor in {"negative": 0.83, "neutral": 0.93, "positive": 0.80}.items():
        assert (moods == mood)[phrases["sentiment"] == mood].mean() >= floor, mood
    for intent in INTENTS:
        said = found[intent].fillna(False).astype(bool)
        true = phrases["intents"].str.split(";").map(lambda cell, intent=intent: intent in cell).astype(bool)
        assert said[true].mean() >= 0.85, f"recall of {intent}"
        assert true[said].mean() >= 0.85, f"precision of {intent}"
