"""The words of the trade: `lexicon.toml`, checked as a whole and compiled once.

Its authors are customer-success people rather than programmers, so the loader is strict (unknown keys, values
out of range, repetitions, broken patterns) and one error lists every fault.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

INTENTS: tuple[str, ...] = ("cancel", "competitor", "downgrade", "budget", "security", "renew", "more_seats")
LEXICON_PATH = Path(__file__).with_name("lexicon.toml")


class LexiconError(ValueError):
    """The lexicon cannot be used; `faults` lists everything that is wrong with it."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("the sentiment lexicon has faults, correct each:\n- " + "\n- ".join(self.faults))


@dataclass(frozen=True)
class Intent:
    """How an intent is worded: by `says`, unless after `not_after` in its clause or beside `unless` in its sentence.

    A text adds `valence` once. All patterns, like the `phrases` of the lexicon, are sought in sentences in lower case.
    """

    valence: float
    says: re.Pattern[str]
    not_after: re.Pattern[str]
    unless: re.Pattern[str]


@dataclass(frozen=True)
class Lexicon:
    """A checked lexicon, compiled. `terms` holds words and phrases (blanks as `_`) with their valence.

    `rewords` finds the keys of `reworded`; `unreal` holds patterns of a clause with what its valence weighs.
    """

    version: str
    terms: dict[str, float]
    phrases: re.Pattern[str]
    reworded: dict[str, str]
    rewords: re.Pattern[str]
    unreal: tuple[tuple[re.Pattern[str], float], ...]
    intents: dict[str, Intent]
    denies: re.Pattern[str]
    affirms: re.Pattern[str]
    breaks: re.Pattern[str]
    opens: re.Pattern[str]
    enquiry: re.Pattern[str]
    enquiry_weight: float
    english: frozenset[str]
    foreign: frozenset[str]
    shared: frozenset[str]


_TEXT, _NUMBER, _LIST = "a text", "a number", "a list of texts"
_SHAPE: dict[str, dict[str, str]] = {
    "negation": {"words": _LIST, "affirms": _LIST, "breaks": _LIST, "opens": _LIST, "carries": _LIST},
    "enquiry": {"weight": _NUMBER, "opens": _LIST},
    "language": {"english": _TEXT, "foreign": _TEXT, "shared": _TEXT},
}
_GROUP_SHAPES = {
    "valence": {"value": _NUMBER, "terms": _LIST},
    "reworded": {"to": _TEXT, "terms": _LIST},
    "unreal": {"weight": _NUMBER, "patterns": _LIST},
}
_INTENT_SHAPE = {"valence": _NUMBER, "patterns": _LIST, "not_after": _LIST, "unless": _LIST}


class _Check:
    """Reads values out of a parsed lexicon and gathers faults instead of stopping at the first."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def table(self, value: object, where: str, keys: Iterable[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.faults.append(f"{where}: expected a table, found {value!r}")
            return {}
        allowed = set(keys)
        self.faults += [f"{where}: unknown key {key!r}" for key in value if key not in allowed]
        return value

    def shaped(
        self, value: object, where: str, shape: dict[str, str], optional: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The table's values in the shape asked for; an empty stand-in where one is missing or of no use."""
        given = self.table(value, where, shape)
        stand_in: dict[str, Any] = {_TEXT: "", _NUMBER: 0.0, _LIST: []}
        found = {}
        for key, kind in shape.items():
            at = f"{where}.{key}"
            if key not in given and key in optional:
                found[key] = stand_in[kind]
            elif not _is(given.get(key), kind):
                self.faults.append(f"{at}: expected {kind}, found {given.get(key)!r}")
                found[key] = stand_in[kind]
            else:
                found[key] = given[key]
                self.repeats(given[key] if kind == _LIST else (), at)
        return found

    def groups(self, raw: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
        """Where each table of a list of tables stands, and its values."""
        given = raw.get(name)
        if not isinstance(given, list):
            self.faults.append(f"{name}: expected a list of tables, found {given!r}")
            return []
        places = [f"{name}[{i}]" for i in range(1, len(given) + 1)]
        return [(at, self.shaped(one, at, _GROUP_SHAPES[name])) for at, one in zip(places, given, strict=True)]

    def number(self, value: object, where: str, low: float, high: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.faults.append(f"{where}: expected a number from {low:g} to {high:g}, found {value!r}")
            return 0.0
        return float(value)

    def repeats(self, values: Iterable[str], where: str) -> None:
        self.faults += [f"{where}: {value!r} is given {n} times" for value, n in Counter(values).items() if n > 1]

    def whole(self, part: str, where: str, classes: dict[str, str]) -> str:
        """The part with every class that it quotes written out; an unknown one is a fault."""
        unknown = [name for name in re.findall(r"<(\w+)>", part) if name not in classes]
        self.faults += [f"{where}: {part!r} quotes the unknown class <{name}>" for name in unknown]
        return re.sub(r"<(\w+)>", lambda m: f"(?:{classes.get(m[1], '')})", part)

    def classes(self, named: object) -> dict[str, str]:
        """The named alternatives; each may quote those above it."""
        names = dict.fromkeys(named if isinstance(named, dict) else (), _TEXT)
        found: dict[str, str] = {}
        for name, value in self.shaped(named, "classes", names).items():
            found[name] = self.whole(value, f"classes.{name}", found)
        return found

    def pattern(self, parts: list[str], where: str, classes: dict[str, str]) -> re.Pattern[str]:
        """Any of the parts, at word boundaries; one that quotes an unknown class or does not compile is a fault."""
        good = []
        for part in parts:
            whole = self.whole(part, where, classes)
            try:
                re.compile(whole)
            except re.error as error:
                self.faults.append(f"{where}: {part!r} is no regular expression: {error}")
                continue
            if any(letter.isupper() for letter in re.sub(r"\\.", "", whole)):
                self.faults.append(f"{where}: {part!r} must be in lower case")
            good.append(whole)
        return _any(good)


def _is(value: object, kind: str) -> bool:
    if kind == _LIST:
        return isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)
    if kind == _TEXT:
        return isinstance(value, str) and bool(value.strip())
    return isinstance(value, int | float) and not isinstance(value, bool)


def _any(parts: Iterable[str], flags: int = 0) -> re.Pattern[str]:
    """Any of the parts at word boundaries. Heeding the case is four times as fast: alternatives fail at a glance."""
    joined = "|".join(f"(?:{part})" for part in parts) or "(?!)"
    return re.compile(rf"(?<!\w)(?:{joined})(?!\w)", flags)


def _opening(opens: list[str], carries: list[str]) -> re.Pattern[str]:
    """A word that opens a clause, unless a word that carries a denial on stands right before it, or with `that`."""
    carrying = "".join(rf"(?<!\b{re.escape(word)} )" for word in carries)
    return re.compile(rf"{carrying}{_any(map(re.escape, opens)).pattern}")


def _terms(check: _Check, raw: dict[str, Any]) -> dict[str, float]:
    every: list[tuple[str, float]] = []
    for at, group in check.groups(raw, "valence"):
        value = check.number(group["value"], f"{at}.value", -4, 4)
        every += [(term, value) for term in dict.fromkeys(group["terms"])]
    check.repeats((term for term, _ in every), "valence")
    check.faults += [
        f"valence: {t!r} must be in lower case, single blanks" for t, _ in every if " ".join(t.lower().split()) != t
    ]
    return dict(every)


def parse_lexicon(text: str) -> Lexicon:
    """The lexicon written in `text` (TOML), or a LexiconError that names every fault at once."""
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LexiconError([f"not TOML: {error}"]) from error
    check = _Check()
    check.table(raw, "lexicon", ("version", "valence", "reworded", "unreal", "classes", "intents", *_SHAPE))
    version = raw.get("version")
    if not isinstance(version, str) or not version.strip():
        check.faults.append(f"version: expected a text, found {version!r}")
    terms = _terms(check, raw)
    classes = check.classes(raw.get("classes", {}))
    reworded = {term: group["to"] for _, group in check.groups(raw, "reworded") for term in group["terms"]}
    unreal = tuple(
        (
            check.pattern(group["patterns"], f"{at}.patterns", classes),
            check.number(group["weight"], f"{at}.weight", -1, 1),
        )
        for at, group in check.groups(raw, "unreal")
    )
    given = check.table(raw.get("intents"), "intents", INTENTS)
    intents = {}
    for name in INTENTS:
        one = check.shaped(given.get(name), f"intents.{name}", _INTENT_SHAPE, optional=("not_after", "unless"))
        intents[name] = Intent(
            check.number(one["valence"], f"intents.{name}.valence", -4, 4),
            check.pattern(one["patterns"], f"intents.{name}.patterns", classes),
            check.pattern(one["not_after"], f"intents.{name}.not_after", classes),
            check.pattern(one["unless"], f"intents.{name}.unless", classes),
        )
    parts = {name: check.shaped(raw.get(name), name, shape) for name, shape in _SHAPE.items()}
    negation, enquiry = parts["negation"], parts["enquiry"]
    weight = check.number(enquiry["weight"], "enquiry.weight", 0, 1)
    opens = check.pattern(enquiry["opens"], "enquiry.opens", {})
    words = {name: frozenset(value.split()) for name, value in parts["language"].items()}
    if check.faults:
        raise LexiconError(check.faults)
    phrases = sorted((term for term in terms if " " in term), key=len, reverse=True)
    return Lexicon(
        version=str(version),
        terms={term.replace(" ", "_"): value for term, value in terms.items()},
        phrases=_any(map(re.escape, phrases)),
        reworded=reworded,
        rewords=_any(map(re.escape, reworded), re.IGNORECASE),
        unreal=unreal,
        intents=intents,
        denies=_any(map(re.escape, negation["words"]), re.IGNORECASE),
        affirms=_any(map(re.escape, negation["affirms"]), re.IGNORECASE),
        breaks=re.compile(rf"[,;:()]|{_any(map(re.escape, negation['breaks'])).pattern}"),
        opens=_opening(negation["opens"], negation["carries"]),
        enquiry=opens,
        enquiry_weight=weight,
        **words,
    )


@cache
def lexicon() -> Lexicon:
    """The lexicon in force, read from `lexicon.toml` at first use and once a process."""
    return parse_lexicon(LEXICON_PATH.read_text(encoding="utf-8"))
