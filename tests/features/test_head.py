"""A head learns a company's own words from scored comments, the same from the same, and nothing from too little."""

from __future__ import annotations

import json
import math
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from features import head as head_module
from features.head import MIN_COMMENTS, MIN_EACH, Head, HeadError, fit, verdict

GOOD = ("the blipper hums", "zings along nicely", "our flows are merry", "a tidy gizmo")
BAD = ("the blipper coughs", "grinds along badly", "our flows are murky", "a clumsy gizmo")
FILLER = (
    "today",
    "in sales",
    "for planning",
    "since spring",
    "on mondays",
    "at night",
    "over here",
    "as ever",
    "in ops",
)


def lessons(good: int, bad: int, seed: int = 0) -> tuple[list[str], list[float], list[str]]:
    """So many different comments of promoters and of detractors, with their scores and kinds."""
    draw = random.Random(seed)
    rows: list[tuple[str, float]] = []
    for bank, number, scores in ((GOOD, good, (9.0, 10.0)), (BAD, bad, (0.0, 3.0, 6.0))):
        found: dict[str, float] = {}
        while len(found) < number:
            found[" ".join((draw.choice(bank), *draw.sample(FILLER, 3)))] = draw.choice(scores)
        rows += found.items()
    draw.shuffle(rows)
    return [text for text, _ in rows], [score for _, score in rows], ["nps"] * len(rows)


@pytest.fixture(scope="module")
def head() -> Head:
    found = fit(*lessons(120, 120))
    assert found is not None
    return found


def test_a_company_s_own_words_get_a_mood(head: Head) -> None:
    assert head.learnt_from == 240
    assert head.sentiment("It hums, merry and tidy") > 0.5
    assert head.sentiment("It COUGHS, murky and clumsy") < -0.5
    assert abs(head.sentiment("the blipper today")) < 0.3


@pytest.mark.parametrize("text", ["", "12", "👍", "zebra", "<p></p>", "> quoted hums"])
def test_of_a_text_without_a_known_word_a_head_says_nothing(text: str, head: Head) -> None:
    assert head.log_odds(text) == (0.0, 0.0)
    assert head.sentiment(text) == 0


@pytest.mark.parametrize(
    ("good", "bad"), [(0, 0), (5, 5), (MIN_COMMENTS, 0), (MIN_COMMENTS, MIN_EACH - 1), (99, MIN_COMMENTS - 100)]
)
def test_too_little_teaches_nothing(good: int, bad: int) -> None:
    assert fit(*lessons(good, bad)) is None


def test_just_enough_teaches() -> None:
    assert fit(*lessons(MIN_COMMENTS - MIN_EACH, MIN_EACH)) is not None


def test_the_same_comment_again_and_again_is_one_comment() -> None:
    assert fit(["Works"] * 500 + ["Fails!"] * 500, [10.0] * 500 + [0.0] * 500, ["nps"] * 1000) is None


def test_comments_that_share_no_word_teach_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "MIN_COMMENTS", 4)
    monkeypatch.setattr(head_module, "MIN_EACH", 2)
    assert fit(["alpha", "beta", "gamma", "delta"], [10, 10, 0, 0], ["nps"] * 4) is None


@pytest.mark.parametrize("kind", ["csat", "ces", "pulse", ""])
def test_only_nps_teaches(kind: str) -> None:
    comments, scores, kinds = lessons(120, 120)
    assert fit(comments, scores, [kind] * len(kinds)) is None


@pytest.mark.parametrize(
    ("score", "said"),
    [(0, False), (6, False), (7, None), (8, None), (9, True), (10, True), (-1, None), (11, None), (9.5, None)],
)
def test_a_score_is_a_verdict_where_it_takes_a_side(score: float, said: bool | None) -> None:
    assert verdict(score, "nps") is said
    assert verdict(score, "csat") is None
    assert verdict(math.nan, "nps") is None


def test_the_order_of_comments_is_nothing_and_the_same_comments_give_the_same_bytes(head: Head) -> None:
    rows = list(zip(*lessons(120, 120), strict=True))
    for again in (rows, rows[::-1], sorted(rows)):
        comments, scores, kinds = zip(*again, strict=True)
        found = fit(comments, scores, kinds)
        assert found == head
        assert found.to_text() == head.to_text()


def test_a_head_is_what_its_text_says(head: Head) -> None:
    text = head.to_text()
    assert Head.from_text(text) == head
    assert Head.from_text(text).to_text() == text
    told = json.loads(text)
    assert list(told["terms"]) == sorted(told["terms"])
    assert told["terms"]["blipper hums"][1] > 0 > told["terms"]["blipper coughs"][1]
    assert all(number == round(number, 6) for pair in told["terms"].values() for number in pair)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "[]", "null", "hello", '{"terms": {}}', '{"terms": [], "intercept": 0, "learnt_from": 1}'),
        '{"terms": {"a": [1]}, "intercept": 0, "learnt_from": 1}',
        '{"terms": {"a": [1, NaN]}, "intercept": 0, "learnt_from": 1}',
        '{"terms": {"a": [1, "x"]}, "intercept": 0, "learnt_from": 1}',
    ],
)
def test_another_text_is_no_head(text: str) -> None:
    with pytest.raises(HeadError, match="expected"):
        Head.from_text(text)


def test_the_short_arithmetic_is_that_of_the_library(head: Head) -> None:
    comments, scores, _ = lessons(120, 120)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", min_df=2, sublinear_tf=True)
    vectors = vectorizer.fit_transform(comments)
    model = LogisticRegression(C=head_module.STRENGTH, class_weight="balanced", solver="liblinear", random_state=0)
    model.fit(vectors, [score >= 9 for score in scores])
    texts = [*comments[:40], "hums hums hums in ops", "coughs and hums"]
    expected = model.decision_function(vectorizer.transform(texts))
    assert [head.log_odds(text)[0] for text in texts] == pytest.approx(list(expected), abs=1e-3)


def test_the_share_of_known_words_is_told(head: Head) -> None:
    assert head.log_odds("the blipper hums")[1] == 1
    assert head.log_odds("the zebra hums loudly")[1] == 0.5


def test_odd_comments_among_many_do_no_harm() -> None:
    comments, scores, kinds = lessons(120, 120)
    odd = ["", " \n", "👍👍", "\x00\x07", "12 %", "<p>", "> quoted", "ツールは素晴らしい", "\ud800 hums", "x" * 100_000]
    odd += ["hums " * 20_000, "<script>let coughs = 1", "&amp;&lt;", "Sehr gut, läuft wie geschmiert"]
    found = fit([*comments, *odd], [*scores, *[10.0] * len(odd)], [*kinds, *["nps"] * len(odd)])
    assert found is not None
    assert Head.from_text(found.to_text().encode().decode()) == found
    assert found.sentiment("murky and clumsy") < -0.5 < 0.5 < found.sentiment("merry and tidy")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300) | st.lists(st.sampled_from([*GOOD, *BAD, *FILLER, "<b>", "'", "\n"])).map(" ".join))
def test_any_text_gets_a_mood_within_bounds(text: str) -> None:
    odds, known = LEARNT.log_odds(text)
    assert -1 <= LEARNT.sentiment(text) <= 1
    assert 0 <= known <= 1
    assert math.isfinite(odds)


LEARNT = Head.from_text(
    '{"learnt_from": 9, "intercept": -0.5, "terms": {"hums": [2.0, 9.0], "the blipper": [1.5, -99.0]}}'
)


def test_a_comment_of_100_kb_is_read_in_bounded_time(head: Head) -> None:
    text = "the blipper hums " * 6000
    started = time.process_time()
    assert head.sentiment(text) > 0
    assert time.process_time() - started < 1.0
