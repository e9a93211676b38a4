"""Why a score is what it is: contributions summed by reason, worded from the catalogue with the account's numbers."""

from collections.abc import Mapping, Sequence

from features.catalogue import CATALOGUE, UNITS
from features.feature import Feature, Healthy, Reason, is_known, sentence, spoken
from serving.score import Driver
from training.calibration import Floats
from training.model import Model
from training.standing import ACTED_ON, comes_last, precedence, worsens

SENTENCES = 2
"""How many features a driver's words tell of."""


def drivers(
    model: Model, shares: Floats, stands_out: Mapping[Reason, float], row: Mapping[str, object]
) -> tuple[Driver, ...]:
    """The drivers of one row, largest share first whatever its sign; every contribution is in exactly one.

    `shares` (features,) are the model's contributions in log-odds, `row` the snapshot's values by name.
    """
    by_reason: dict[Reason, list[tuple[str, float]]] = {}
    for name, share in zip(model.encoding.features, shares.tolist(), strict=True):
        by_reason.setdefault(CATALOGUE[name].reason, []).append((name, share))
    found = []
    for reason, parts in by_reason.items():
        parts.sort(key=lambda part: -abs(part[1]))
        share = sum(part for _, part in parts)
        words = _words(model, parts, share, row)
        heard = any(is_known(row.get(name)) for name, _ in parts)
        names = tuple(name for name, _ in parts)
        found.append(Driver(reason, words, share, names, stands_out[reason] if heard else 0.0))
    return tuple(sorted(found, key=lambda driver: -abs(driver.share)))


def acted_on(found: Sequence[Driver], outcome: str) -> list[Driver]:
    """The drivers that make the outcome likelier for a reason that somebody can do something about.

    The one that stands out most of those that matter comes first; `training/standing.py` says why. What does not stand
    out at all is none: nothing is known of it, or nothing about it is worse than elsewhere.
    """
    raising = [driver for driver in found if driver.share > 0 and driver.stands_out > 0 and driver.reason in ACTED_ON]
    largest = max((driver.share for driver in raising if not comes_last(driver.reason, outcome)), default=0.0)

    def early(driver: Driver) -> float:
        return precedence(driver.reason, driver.share, largest, driver.stands_out, outcome)

    return sorted(raising, key=early, reverse=True)


def _words(model: Model, parts: list[tuple[str, float]], share: float, row: Mapping[str, object]) -> str:
    """The evidence that pulls the way the driver does.

    Known values come first, and among them those that lie on the side of the typical account that the catalogue calls
    unhealthy (for a share towards losing the account) or healthy: words must not argue against their own driver.
    """
    pulling = [name for name, part in parts if part * share > 0]
    ranked = sorted(pulling, key=lambda name: _plausible(model, name, share, row))
    told: list[str] = []
    said: set[str] = set()
    for name in ranked:
        if said & CATALOGUE[name].mentions:
            continue
        if told and _plausible(model, name, share, row):
            break  # what is not known, usual or argues against the driver says nothing beside what does not
        words = sentence(CATALOGUE[name], row, UNITS)
        words += _usual(CATALOGUE[name], row.get(name), model.typical.get(name))
        told.append(words[0].lower() + words[1:] if told and not words[1:2].isupper() else words)
        said |= CATALOGUE[name].mentions
        if len(told) == SENTENCES:
            break
    return "; ".join(told) or "No single signal stands out"


def _usual(feature: Feature, value: object, typical: float | None) -> str:
    """What accounts usually have, where a level without it is neither good nor bad news; of what is usually none, any
    is news."""
    if feature.healthy is Healthy.NONE or feature.compares or not typical or not is_known(value):
        return ""
    usual = spoken(typical, feature.unit)
    return f" (usual elsewhere: {usual})" if usual != spoken(value, feature.unit) else ""


def _plausible(model: Model, name: str, share: float, row: Mapping[str, object]) -> int:
    """0: known and on the side that explains the share; 1: known, and usual or on the other side; 2: unknown."""
    value, feature = row.get(name), CATALOGUE[name]
    if not is_known(value):
        return 2
    typical = model.typical.get(name)
    if value == typical:
        return 1
    if feature.healthy is Healthy.NONE or typical is None or not isinstance(value, (int, float)):
        return 0
    towards_bad = worsens(share, model.outcome)
    low_is_bad = feature.healthy is Healthy.HIGH
    unhealthy = value < typical if low_is_bad else value > typical
    healthy = value > typical if low_is_bad else value < typical
    return 0 if (unhealthy if towards_bad else healthy) else 1
