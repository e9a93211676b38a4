"""What an account's people write, read as a mood and as seven plain intents; unreadable text stays unknown.

A general scorer does not hear "we are evaluating alternatives" as bad news. So VADER keeps the general
English, and `lexicon.toml` lays over it how businesses write: words and phrases with a valence, patterns for each
intent, what denies them, and how to tell that a text is English at all. No text raises; what cannot be judged
gives None, never a guessed neutral. `python benchmarks/sentiment.py` measures it on labelled phrases.
"""

import math
import re
import string
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.head import Head
from features.lexicon import INTENTS, Intent, Lexicon, lexicon
from features.plain import folded, plain, words_of

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

__all__ = ["INTENTS", "LEXICON_VERSION", "NEUTRAL", "Reading", "read", "read_all"]

LEXICON_VERSION: str

FIRST, LAST = 16, 8  # sentences of it that are read
WORDS = 25  # a longer sentence is read in pieces: VADER's cost grows with the square of a sentence
NEAR = 6  # words before a pattern in which a denial counts
KNOWN_SHARE = 0.25  # of the words of an English text, at least so many are known ones
LATIN_SHARE = 0.7  # of the letters of an English text, at least so many are a to z
CAUTION = 4  # see `_with_head`
BESIDE = 0.5  # what the lexicon's log-odds weigh beside a fully trusted head
KNOWN_ALONE = 0.5
SENTENCES, REMEMBERED = 50_000, 200  # how many sentences are remembered, and up to how many characters each
NEUTRAL = 0.2  # how far from zero a mood still is none
SOFTENING = 15.0  # VADER's alpha: a sum of valences s becomes s / sqrt(s * s + alpha)

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_CLAUSE = re.compile(r"[,;] | but ", re.IGNORECASE)
_COMMA, _PAUSE = re.compile(r"[,;] "), " - - - "
"""A comma, and what VADER is given for it: there a denial reaches three words on, whatever stands between."""


@dataclass(frozen=True)
class Reading:
    """One text as read: its mood, and whether it states each intent of `INTENTS`.

    `sentiment` goes from -1 (bad) to 1 (good); within `NEUTRAL` of zero a text is best called neutral.
    """

    sentiment: float
    cancel: bool
    competitor: bool
    downgrade: bool
    budget: bool
    security: bool
    renew: bool
    more_seats: bool


def read(text: str | None) -> Reading | None:
    """The mood and the intents of one text; None where nothing can be judged, as in another language.

    A long text is judged by its beginning and its end, so the time is bounded whatever the length.
    """
    if not isinstance(text, str):
        return None
    meant = plain(text)
    words = lexicon()
    if not _judgeable(meant):
        return None
    heard = [_heard(one) if len(one) <= REMEMBERED else _listen(one) for one in _sentences(meant)]
    stated = {name: any(name in intents for _, intents in heard) for name in words.intents}
    total = sum(valence for valence, _ in heard)
    total += sum(words.intents[name].valence for name, is_stated in stated.items() if is_stated)
    return Reading(sentiment=total / math.sqrt(total * total + SOFTENING), **stated)


def read_all(texts: "pd.Series[str]", head: Head | None = None) -> pd.DataFrame:
    """A row a text, on the index of `texts`: `sentiment` (null = unknown) and one nullable boolean an intent.

    Each distinct text is read once. A `head` has a say in the mood, never in the intents.
    """
    codes, distinct = pd.factorize(texts)
    readings = [*(read(text) for text in distinct), None]  # the code of a null, -1, finds the last one
    moods = [None if one is None else one.sentiment for one in readings]
    if head is not None:
        moods = [*(_with_head(mood, text, head) for mood, text in zip(moods, distinct, strict=False)), None]
    columns: dict[str, pd.Series[float] | pd.Series[bool]] = {
        "sentiment": pd.Series(
            [np.nan if (mood := moods[code]) is None else mood for code in codes], index=texts.index, dtype="float64"
        )
    }
    for name in INTENTS:
        flags = [None if one is None else getattr(one, name) for one in readings]
        columns[name] = pd.Series([flags[code] for code in codes], index=texts.index, dtype="boolean")
    return pd.DataFrame(columns, index=texts.index)


def _with_head(mood: float | None, text: str, head: Head) -> float | None:
    """The lexicon's mood and the head's together, in log-odds: mood + trust x (head - (1 - `BESIDE`) x mood).

    Trust is the head's known share of the words, to the power of `CAUTION`. A head that knows none of them changes
    nothing, one that knows them all has the word and the lexicon half a word. Where the lexicon cannot judge, as in
    another language, a head that knows at least `KNOWN_ALONE` of the words speaks alone.

    2026-11-24: chosen by `python benchmarks/sentiment.py --choose --comments foods.csv drugs.csv`, heads from 400
    comments. A head has never seen a question or a plain word to support, and fully trusted it hears a mood in all of
    them: the phrases of the half `tune` (100 % right, the lexicon being tuned on them) fall to 54.5 % with the
    simulation's head and to 50.8 % with one of food reviews. With trust to the power of 4 they stay at 92.7 and 90.2 %,
    annoyed tickets are told from friendly ones with an AUC of .999 (lexicon .998, fully trusted .943), and held-out
    comments keep most of the gain: foods .810 (lexicon .749, fully trusted .837), drugs .830 (.793, .849).
    Of `BESIDE` 0, .25, .5, .75 and 1 a half is best on drugs, within .003 of the best on foods.
    """
    odds, known = head.log_odds(text)
    if mood is None:
        return math.tanh(odds / 2) if known >= KNOWN_ALONE else None
    if not known:
        return mood
    ours = 2 * math.atanh(mood)
    return math.tanh((ours + known**CAUTION * (odds - (1 - BESIDE) * ours)) / 2)


if not TYPE_CHECKING:  # pragma: no branch

    def __getattr__(name: str) -> str:
        """`LEXICON_VERSION` is read from the lexicon when it is first asked for, not at import."""
        if name == "LEXICON_VERSION":
            return lexicon().version
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _analyzer() -> "SentimentIntensityAnalyzer":
    """VADER with the lexicon laid over its own; one a process: it is slow to build."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    analyzer.lexicon.update(lexicon().terms)
    return analyzer


@cache
def _telling() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Words that speak for English, words that speak against it, and words that several languages share."""
    words = lexicon()
    known = words.english | (_analyzer().lexicon.keys() - words.foreign)
    return frozenset(known - words.shared), words.foreign - words.shared, words.shared


def _judgeable(meant: str) -> bool:
    """Whether the text is English enough: Latin letters, known words, and more of those than foreign ones.

    A word that several languages share is evidence for none of them.
    """
    words = words_of(meant)
    if not words:
        return False
    if not meant.isascii():
        letters = "".join(words).replace("'", "")
        if len(letters.encode("ascii", "ignore")) < LATIN_SHARE * len(letters):
            return False
    english, other, several = _telling()
    known = sum(map(english.__contains__, words))
    shared = sum(map(several.__contains__, words))
    return known > sum(map(other.__contains__, words)) and known + shared >= KNOWN_SHARE * len(words)


def _sentences(plain: str) -> list[str]:
    """The sentences that are read, each of at most `WORDS` words: the first and the last ones of the text."""
    every: list[str] = []
    for sentence in _SENTENCE.split(plain):
        words = sentence.split()
        every += [" ".join(words[i : i + WORDS]) for i in range(0, len(words), WORDS)]
    return every if len(every) <= FIRST + LAST else every[:FIRST] + every[-LAST:]


@lru_cache(maxsize=SENTENCES)
def _heard(sentence: str) -> tuple[float, frozenset[str]]:
    """What `_listen` makes of the sentence; greetings, questions and thanks come again and again."""
    return _listen(sentence)


def _listen(sentence: str) -> tuple[float, frozenset[str]]:
    """The valence of one sentence and the intents that it states."""
    words, low = lexicon(), folded(sentence)
    stated = frozenset(name for name, intent in words.intents.items() if _states(intent, low, words))
    return _valence(sentence, low, words), stated


def _states(intent: Intent, low: str, lexicon: Lexicon) -> bool:
    said = any(not _taken_back(low, place.start(), place.end(), intent, lexicon) for place in intent.says.finditer(low))
    return said and not intent.unless.search(low)


def _taken_back(low: str, start: int, end: int, intent: Intent, lexicon: Lexicon) -> bool:
    """Whether a pattern's clause says that it is meant otherwise, or the words close before it deny it."""
    clause = lexicon.breaks.split(low[:start])[-1].lstrip()
    if intent.not_after.search(clause + low[start:end]):
        return True
    begun = low[:start] + low[start:end].split(maxsplit=1)[0]
    cut = max((place.end() for ends in (lexicon.breaks, lexicon.opens) for place in ends.finditer(begun)), default=0)
    near = lexicon.affirms.sub(" ", low[cut:start]).split()[-NEAR:]
    return lexicon.denies.search(" ".join(near)) is not None


def _valence(sentence: str, low: str, lexicon: Lexicon) -> float:
    """The sum of the valences of one sentence: what is not so weighs otherwise, a question for facts little."""
    if any(pattern.search(low) for pattern, _ in lexicon.unreal):
        total = sum(_weight(part, lexicon) * _weighed(part, lexicon) for part in _CLAUSE.split(sentence))
    else:
        total = _weighed(sentence, lexicon)
    is_enquiry = low.rstrip().endswith("?") and lexicon.enquiry.match(low)
    return total * lexicon.enquiry_weight if is_enquiry else total


def _weight(part: str, lexicon: Lexicon) -> float:
    low = folded(part)
    return next((weight for pattern, weight in lexicon.unreal if pattern.search(low)), 1.0)


def _weighed(part: str, lexicon: Lexicon) -> float:
    """The sum of the valences of the words as VADER weighs them: with negation, emphasis and contrast."""
    joined = _joined(part, folded(part), lexicon)
    joined = lexicon.rewords.sub(lambda found: lexicon.reworded[found[0].lower()], joined)
    if joined.isascii() and not _has_valence(joined):
        return 0.0
    compound = float(_analyzer().polarity_scores(_COMMA.sub(_PAUSE, joined))["compound"])
    compound = max(-0.9999, min(0.9999, compound))
    return compound * math.sqrt(SOFTENING / (1 - compound * compound))


def _joined(sentence: str, low: str, lexicon: Lexicon) -> str:
    """The sentence with each phrase of the lexicon as one word: blanks become `_`."""
    found = [phrase.span() for phrase in lexicon.phrases.finditer(low)]
    if not found:
        return sentence
    letters = list(sentence)
    for start, end in found:
        letters[start:end] = sentence[start:end].replace(" ", "_")
    return "".join(letters)


def _has_valence(joined: str) -> bool:
    """Whether VADER could hear anything in an ASCII sentence: without a word of its lexicon it hears nothing."""
    general = _analyzer().lexicon
    return any(word in general or word.strip(string.punctuation) in general for word in joined.lower().split())
