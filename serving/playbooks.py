"""A reason without a next step is only bad news: each reason, for each kind of account, leads to something to do."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from features.catalogue import CATALOGUE
from features.feature import Reason
from features.segments import MOTIONS, SIZES, STAGES, VALUE_TIERS, Motion, Segment, Size, Stage, number_of

Outcome = Literal["churn", "contraction", "expansion"]
Tier = Literal["high", "medium", "low"]
Owner = Literal["CSM", "AE", "AM", "SE", "Support", "CS Ops", "Product", "Marketing", "Exec"]
Text = Annotated[str, Field(min_length=3, strict=True)]
Percent = Annotated[float, Field(ge=0, le=100)]
Flag = Annotated[bool, Field(strict=True)]

REASONS = tuple(reason for reason in Reason if reason is not Reason.CONTEXT)
OUTCOMES, TIERS = get_args(Outcome), get_args(Tier)
SHOWN = 3
NOTHING: Mapping[str, object] = MappingProxyType({})
SHIPPED = Path(__file__).with_name("playbooks.toml")


class PlaybookError(ValueError):
    """A playbook file that cannot be used; the message lists every fault at once."""


@dataclass(frozen=True)
class Approval:
    """Rules of engagement: `by` agrees up to a percentage of ARR set by value tier, `above` beyond that."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    by: Text
    limit_percent: dict[Tier, Percent]
    above: Text


@dataclass(frozen=True)
class Playbook:
    """What to do about a reason. No `outcomes`: started by hand only. No `motions`, `stages`, `value_tiers`: any.

    One of which the outcome is expansion sells: it waits until value is realised and churn risk is not high. One with
    `renewal_within_days` is about a renewal: it is for accounts whose term ends within so many days, and not before
    `renewal_from_days`. Of the catalogue's rows that it `needs`, one must be known and above 0; of those in `unless`
    none may be: a missing plan is not asked for where there is one.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    id: Annotated[str, Field(pattern="^[a-z][a-z_]*$")]
    code: Annotated[str, Field(pattern="^[A-Z][0-9]{2,}$")]
    title: Text
    outcomes: tuple[Outcome, ...]
    reasons: tuple[Reason, ...]
    sizes: Annotated[tuple[Size, ...], Field(min_length=1)]
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]
    steps: Annotated[tuple[Text, ...], Field(min_length=3, max_length=6)]
    owner: Owner
    due_days: Annotated[int, Field(gt=0, strict=True)]
    requires_human: Flag
    channel: Literal["human", "automation"]
    success: Text
    motions: tuple[Motion, ...] = ()
    stages: tuple[Stage, ...] = ()
    value_tiers: tuple[Tier, ...] = ()
    renewal_within_days: Annotated[int, Field(gt=0, strict=True)] | None = None
    renewal_from_days: Annotated[int, Field(gt=0, strict=True)] = 1
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    approval: Approval | None = None
    rhythm: Text | None = None
    after: Text | None = None

    @property
    def breadth(self) -> int:
        """How many situations the playbook answers; the narrower, the more it has to say about each."""
        return prod(
            (
                len(self.outcomes),
                len(self.reasons),
                len(self.sizes),
                len(self.tiers),
                len(self.motions or MOTIONS),
                len(self.stages or STAGES),
                len(self.value_tiers or VALUE_TIERS),
            )
        )

    def fits(self, reason: Reason, segment: Segment, outcome: str, tier: str, facts: Mapping[str, object]) -> bool:
        """Whether this answers `reason` for such an account, of which the catalogue's rows say these `facts`."""
        return (
            reason in self.reasons
            and outcome in self.outcomes
            and tier in self.tiers
            and asks(outcome, tier)
            and segment.size in self.sizes
            and segment.motion in (self.motions or MOTIONS)
            and segment.stage in (self.stages or STAGES)
            and segment.value_tier in (self.value_tiers or VALUE_TIERS)
            and (self.renewal_within_days is None or self._in_time(facts.get("days_to_renewal")))
            and (not self.needs or any(number_of(facts, name) > 0 for name in self.needs))
            and not any(number_of(facts, name) > 0 for name in self.unless)
        )

    def _in_time(self, renews_in: object) -> bool:
        most = self.renewal_within_days or 0
        return isinstance(renews_in, int | float) and self.renewal_from_days <= renews_in <= most


def asks(outcome: str, tier: str) -> bool:
    """Whether a score asks for anything: a small chance of shrinking or growing asks nothing of anybody."""
    return tier != "low" or outcome == "churn"


@dataclass(frozen=True)
class Playbooks:
    """Every playbook of a company, in the order of its file."""

    rows: tuple[Playbook, ...]

    @cached_property
    def _by_id(self) -> dict[str, Playbook]:
        return {row.id: row for row in self.rows}

    def __getitem__(self, id: str) -> Playbook:
        return self._by_id[id]

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    def __iter__(self) -> Iterator[Playbook]:
        return iter(self.rows)

    def match(
        self, reason: Reason, segment: Segment, outcome: str, tier: str, facts: Mapping[str, object] = NOTHING
    ) -> tuple[Playbook, ...]:
        """The playbooks that answer a score's reason, narrowest first and else as the file has them, at
        most three.

        One that gives money away comes last: a concession is not the first answer to a budget.
        """
        fitting = [row for row in self.rows if row.fits(reason, segment, outcome, tier, facts)]
        return tuple(sorted(fitting, key=lambda row: (row.approval is not None, row.breadth))[:SHOWN])

    def uncovered(self) -> list[tuple[Reason, str, str, str]]:
        """Each (reason, size, outcome, tier) that some account could be in with nothing to do about it.

        Only what asks for something counts.
        """
        places = {size: [Segment(size, *rest) for rest in product(VALUE_TIERS, MOTIONS, STAGES)] for size in SIZES}
        return [
            (reason, size, outcome, tier)
            for reason, size, outcome, tier in product(REASONS, SIZES, OUTCOMES, TIERS)
            if asks(outcome, tier) and not all(self.match(reason, segment, outcome, tier) for segment in places[size])
        ]


def load_playbooks(path: Path = SHIPPED) -> Playbooks:
    """The playbooks in a TOML file; `PlaybookError` with all faults if it cannot be used."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlaybookError(f"{path}: expected a file of playbooks, found none that can be read: {error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlaybookError(f"{path}: expected TOML in UTF-8: {error}") from error
    blocks = document.get("playbook")
    if not isinstance(blocks, list) or not blocks or not all(isinstance(block, dict) for block in blocks):
        raise PlaybookError(f"{path}: expected [[playbook]] blocks, found {', '.join(document) or 'nothing'}")
    faults = [f"{key}: not known here; write [[playbook]] blocks only" for key in document if key != "playbook"]
    faults += [f"{key} `{value}`: given more than once" for key, value in _repeated(blocks)]
    rows: list[Playbook] = []
    for number, block in enumerate(blocks, 1):
        place = f"playbook {block.get('id', number)}"
        faults += [f"{place}: {fault}" for fault in _broken_rules(block)]
        try:
            rows.append(_PLAYBOOK.validate_python(block))
        except ValidationError as error:
            faults += [f"{place}: {_spot(found['loc'])}: {found['msg']}" for found in error.errors()]
    if faults:
        raise PlaybookError(f"{path}: {len(faults)} to mend\n" + "\n".join(faults))
    return Playbooks(tuple(rows))


_PLAYBOOK = TypeAdapter(Playbook)


def _spot(loc: tuple[int | str, ...]) -> str:
    """Where in a block a fault is, counting as people do: `steps 2`."""
    return " ".join(str(part + 1) if isinstance(part, int) else part for part in loc)


def _repeated(blocks: list[dict[str, object]]) -> list[tuple[str, object]]:
    return [
        (key, value)
        for key in ("id", "code")
        for value, times in Counter(str(block[key]) for block in blocks if key in block).items()
        if times > 1
    ]


def _broken_rules(block: Mapping[str, object]) -> list[str]:
    """The guardrails that a block breaks, read from its raw keys so that they show beside every other fault."""
    outcomes, reasons = _words(block, "outcomes"), _words(block, "reasons")
    rules = {
        'requires_human: refused by `channel = "automation"`; a sensitive moment needs a person': (
            block.get("requires_human") is True and block.get("channel") == "automation"
        ),
        "approval: needs `requires_human = true`; no automation gives money away": (
            "approval" in block and block.get("requires_human") is not True
        ),
        "reasons: `context` is shown but never acted on": "context" in reasons,
        "reasons: needed where there are outcomes, and only there": bool(outcomes) != bool(reasons),
        "renewal_from_days: says nothing without `renewal_within_days`": (
            "renewal_from_days" in block and "renewal_within_days" not in block
        ),
        "rhythm, after: a war room (P07) needs both, or it never ends": (
            block.get("code") == "P07" and not (block.get("rhythm") and block.get("after"))
        ),
        "approval.limit_percent: expected a limit for each of high, medium and low": (
            _limits(block) is not None and set(_limits(block) or ()) != set(VALUE_TIERS)
        ),
    }
    unknown = [
        f"{key}: the catalogue has no row `{word}`"
        for key in ("needs", "unless")
        for word in _words(block, key)
        if word not in CATALOGUE
    ]
    repeats = [
        f"{key}: `{word}` given more than once"
        for key in ("outcomes", "reasons", "sizes", "tiers", "motions", "stages", "value_tiers")
        for word, times in Counter(_words(block, key)).items()
        if times > 1
    ]
    return [fault for fault, broken in rules.items() if broken] + unknown + repeats


def _words(block: Mapping[str, object], key: str) -> list[str]:
    value = block.get(key)
    return [str(word) for word in value] if isinstance(value, list) else []


def _limits(block: Mapping[str, object]) -> dict[str, object] | None:
    approval = block.get("approval")
    limits = approval.get("limit_percent") if isinstance(approval, dict) else None
    return limits if isinstance(limits, dict) else None
