"""Invented words: company names, ticket texts, survey comments, notes. Sentences are drawn from banks and
combined.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from features.simulation.phrases import CLOSINGS, HINTS, LAMENTS, OPENINGS, TICKETS
from features.simulation.remarks import COMMENTS, NOTES, REMARKS

_FIRST: Final = (
    "Ar",
    "Bel",
    "Cor",
    "Dal",
    "El",
    "Fen",
    "Gar",
    "Hol",
    "Il",
    "Jor",
    "Kel",
    "Lum",
    "Mor",
    "Nal",
    "Or",
)
_MIDDLE: Final = ("a", "avi", "edo", "eri", "ima", "iro", "ola", "oni", "ula", "umi", "yra", "ello")
_LAST: Final = (
    "dex",
    "dine",
    "form",
    "gate",
    "lane",
    "lith",
    "mark",
    "nix",
    "phor",
    "quist",
    "ran",
    "tek",
    "vant",
)
_KIND: Final = ("Group", "Works", "Partners", "Systems", "Holdings", "Labs", "Services", "Industries")
_THINGS: Final = (
    "the weekly report",
    "our main dashboard",
    "the approval automation",
    "the nightly sync",
    "the export",
    "the search",
    "the API",
    "single sign-on",
    "the alert rules",
    "the import",
    "the mobile view",
    "the shared workspace",
    "the forecast view",
    "the audit log",
)
_TEAMS: Final = (
    "finance",
    "operations",
    "sales",
    "support",
    "logistics",
    "the regional team",
    "planning",
    "IT",
)


def company_name(number: int, seed: int) -> str:
    """An invented company; the same number and seed give the same name."""
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    stem = _FIRST[digest[0] % len(_FIRST)] + _MIDDLE[digest[1] % len(_MIDDLE)] + _LAST[digest[2] % len(_LAST)]
    return f"{stem} {_KIND[digest[3] % len(_KIND)]}"


def _pick(bank: Sequence[str], draw: int) -> str:
    chosen = bank[draw % len(bank)]
    if "{" in chosen:
        chosen = chosen.format(thing=_THINGS[draw // 7 % len(_THINGS)], team=_TEAMS[draw // 131 % len(_TEAMS)])
    return chosen[0].upper() + chosen[1:]


def ticket_text(category: str, mood: int, hint: int, draws: Sequence[int]) -> str:
    """A support request; `mood` 0 friendly, 1 plain, 2 annoyed; `hint` -1 or what else it gives away
    (HINTS).
    """
    parts = [_pick(OPENINGS[mood], draws[0]), _pick(TICKETS[category], draws[1])]
    if mood == 2:
        parts.append(_pick(LAMENTS, draws[1] // 17))
    if hint >= 0:
        parts.append(_pick(HINTS[hint], draws[3]))
    parts.append(_pick(CLOSINGS[mood], draws[2]))
    return " ".join(part for part in parts if part.strip())


def comment_text(mood: int, theme: int, draws: Sequence[int]) -> str:
    """A survey comment; `mood` 0 happy, 1 lukewarm, 2 unhappy; `theme` is a position in COMMENTS."""
    first = _pick(REMARKS[mood], draws[0])
    if mood == 0:
        return first if draws[1] % 3 else f"{first} {_pick(REMARKS[0], draws[2])}"
    themed = _pick(COMMENTS[theme], draws[1])
    return f"{first} {themed}" if draws[2] % 3 else themed


def signal_note(kind: str, strength: float, draws: Sequence[int]) -> str:
    """What a CSM or a vendor wrote about a signal; for an intent to renew, `strength` chooses between yes
    and no.
    """
    bank: Mapping[str, Sequence[str]] = NOTES
    if kind == "renewal_intent":
        tone = "no" if strength < 0.4 else "unsure" if strength < 0.65 else "yes"
        return _pick(bank[f"renewal_intent_{tone}"], draws[0])
    return _pick(bank[kind], draws[0])
