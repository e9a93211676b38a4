"""What an account's people write, read as a mood and as seven plain intents; unreadable text stays unknown.

A general scorer does not hear "we are evaluating alternatives" as bad news. So VADER keeps the general
English, and `lexicon.toml` lays over it how businesses write: words and phrases with a valence, patterns for each
intent, what denies them, and how to tell that a text is English at all. No text raises; what cannot be judged
gives None, never a guessed neutral. `python benchmarks/sentiment.py` measures it on labelled phrases.
"""

import html
import math
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.lexicon import INTENTS, Intent, Lexicon, lexicon

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

__all__ = ["INTENTS", "LEXICON_VERSION", "Reading", "read", "read_all"]

LEXICON_VERSION: str

HEAD, TAIL = 12_000, 4_000  # characters of a long text that are looked at: its beginning and its end
FIRST, LAST = 16, 8  # sentences of it that are read
WORDS = 25  # a longer sentence is read in pieces: VADER's cost grows with the square of a sentence
NEAR = 6  # words before a pattern in which a denial counts
KNOWN_SHARE = 0.25  # of the words of an English text, at least so many are known ones
LATIN_SHARE = 0.7  # of the letters of an English text, at least so many are a to z
SOFTENING = 15.0  # VADER's alpha: a sum of valences s becomes s / sqrt(s * s + alpha)

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_DROPPED = re.compile(
    r"```[^`]*```|`[^`\n]*`"  # code
    r"|^[ \t]*>.*$"  # a quoted line of an earlier message
    r"|https?://\S+|\b[\w.+-]{1,64}@[\w.-]+",  # addresses
    re.MULTILINE,
)
_STYLE = re.compile(r"<(?:style|script)\b[^<>]*>[^<]*", re.IGNORECASE)
_BREAK = re.compile(r"</?(?:p|br|div|li|tr|h\d)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z!][^<>]*>", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "´": "'", "—": " , ", "–": " , "})


@dataclass(frozen=True)
class Reading:
    """One text as read: its mood, and whether it states each intent of `INTENTS`.

    `sentiment` goes from -1 (bad) to 1 (good); within 0.2 of zero a text is best called neutral.
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
    plain = _plain(text)
    words = lexicon()
    if not _judgeable(plain, words):
        return None
    sentences = _sentences(plain)
    stated = {
        name: any(_states(intent, sentence, words) for sentence in sentences) for name, intent in words.intents.items()
    }
    total = sum(_valence(sentence, words) for sentence in sentences)
    total += sum(words.intents[name].valence for name, is_stated in stated.items() if is_stated)
    return Reading(sentiment=total / math.sqrt(total * total + SOFTENING), **stated)


def read_all(texts: "pd.Series[str]") -> pd.DataFrame:
    """A row a text, on the index of `texts`: `sentiment` (null = unknown) and one nullable boolean an intent.

    Each distinct text is read once.
    """
    codes, distinct = pd.factorize(texts)
    readings = [*(read(text) for text in distinct), None]  # the code of a null, -1, finds the last one
    found = [readings[code] for code in codes]
    columns: dict[str, pd.Series[float] | pd.Series[bool]] = {
        "sentiment": pd.Series(
            [np.nan if one is None else one.sentiment for one in found], index=texts.index, dtype="float64"
        )
    }
    for name in INTENTS:
        flags = [None if one is None else getattr(one, name) for one in found]
        columns[name] = pd.Series(flags, index=texts.index, dtype="boolean")
    return pd.DataFrame(columns, index=texts.index)


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


def _plain(text: str) -> str:
    """The text its writer meant: without markup, code, quoted mail, addresses and control characters."""
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]}\n{text[-TAIL:]}"
    text = _TAG.sub(" ", _BREAK.sub("\n", _STYLE.sub(" ", text)))
    text = _CONTROL.sub(" ", _INVISIBLE.sub("", html.unescape(text)))
    return _DROPPED.sub(" ", text.translate(_APOSTROPHES))


def _judgeable(plain: str, lexicon: Lexicon) -> bool:
    """Whether the text is English enough: Latin letters, known words, and more of those than foreign ones.

    A word that several languages share is evidence for none of them.
    """
    words = _WORD.findall(plain.lower())
    letters = [letter for word in words for letter in word if letter != "'"]
    if not letters or sum(letter.isascii() for letter in letters) < LATIN_SHARE * len(letters):
        return False
    general = _analyzer().lexicon
    telling = [word for word in words if word not in lexicon.shared]
    foreign = sum(word in lexicon.foreign for word in telling)
    known = sum(word in lexicon.english or (word in general and word not in lexicon.foreign) for word in telling)
    shared = len(words) - len(telling)
    return known > foreign and known + shared >= KNOWN_SHARE * len(words)


def _sentences(plain: str) -> list[str]:
    """The sentences that are read, each of at most `WORDS` words: the first and the last ones of the text."""
    every: list[str] = []
    for sentence in _SENTENCE.split(plain):
        words = sentence.split()
        every += [" ".join(words[i : i + WORDS]) for i in range(0, len(words), WORDS)]
    return every if len(every) <= FIRST + LAST else every[:FIRST] + every[-LAST:]


def _states(intent: Intent, sentence: str, lexicon: Lexicon) -> bool:
    if intent.unless.search(sentence):
        return False
    return any(not _denied(sentence[: said.start()], lexicon) for said in intent.says.finditer(sentence))


def _denied(before: str, lexicon: Lexicon) -> bool:
    """Whether the words before a pattern deny it: a negation close by, in the same clause."""
    clause = lexicon.affirms.sub(" ", before)
    clause = lexicon.breaks.split(clause)[-1]
    return lexicon.denies.search(" ".join(clause.split()[-NEAR:])) is not None


def _valence(sentence: str, lexicon: Lexicon) -> float:
    """The sum of the valences of one sentence, as VADER weighs them: with negation, emphasis and contrast."""
    joined = lexicon.phrases.sub(lambda phrase: phrase[0].replace(" ", "_"), sentence)
    compound = float(_analyzer().polarity_scores(joined)["compound"])
    compound = max(-0.9999, min(0.9999, compound))
    total = compound * math.sqrt(SOFTENING / (1 - compound * compound))
    is_enquiry = sentence.rstrip().endswith("?") and lexicon.enquiry.match(sentence)
    return total * lexicon.enquiry_weight if is_enquiry else total
