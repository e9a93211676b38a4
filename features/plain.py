"""The text that its writer meant: without markup, code, quoted mail, addresses and control characters.

Whoever reads a text, the lexicon or a head, reads this and nothing else of it.
"""

import html
import re

FRONT, END = 12_000, 4_000
"""Characters of a long text that are looked at: its beginning and its end."""

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
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "´": "'", "—": " , ", "–": " , "})
_LIKE_ASCII = str.maketrans({"\u0130": "i", "\u0131": "i", "\u017f": "s"})  # as re.IGNORECASE pairs them


def plain(text: str) -> str:
    """What the writer meant; of a long text the beginning and the end, so that any length takes bounded time."""
    if len(text) > FRONT + END:
        text = f"{text[:FRONT]}\n{text[-END:]}"
    if "<" in text:
        text = _TAG.sub(" ", _BREAK.sub("\n", _STYLE.sub(" ", text)))
    text = html.unescape(text)
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    if not text.isascii():
        text = text.translate(_APOSTROPHES)
    return _DROPPED.sub(" ", text) if any(mark in text for mark in "`>@:") else text


def words_of(plain_text: str) -> list[str]:
    """The words in lower case, in their order: runs of letters, with an apostrophe inside."""
    return _WORD.findall(plain_text.lower())


def folded(text: str) -> str:
    """The text in lower case, character by character: every place in it keeps its number."""
    if text.isascii():
        return text.lower()
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text.translate(_LIKE_ASCII))
