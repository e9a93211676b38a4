"""When a score is high, medium or low: the published rule of `tiers.toml`; and how healthy an account is."""

import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from training.model import Model

Share = Annotated[float, Field(gt=0, lt=1)]


class TierRule(BaseModel):
    """The shares of accounts and the least lift that make a tier."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    high_share: Share
    medium_share: Share
    least_lift: Annotated[float, Field(ge=1)]

    @model_validator(mode="after")
    def nested(self) -> "TierRule":
        if self.high_share >= self.medium_share:
            raise ValueError(f"high_share {self.high_share} must lie below medium_share {self.medium_share}")
        return self


class TiersError(ValueError):
    """A file of tier rules that cannot be used; the message names every fault."""


class Tiers(BaseModel):
    """The content of `tiers.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    churn: TierRule
    contraction: TierRule
    expansion: TierRule

    def tier(self, probability: float, model: Model) -> Literal["high", "medium", "low"]:
        """The tier of one probability of one model; it depends on no other account."""
        rule: TierRule = getattr(self, model.outcome)
        if probability < rule.least_lift * model.base_rate:
            return "low"
        if probability >= _at_top(model.spread, rule.high_share):
            return "high"
        return "medium" if probability >= _at_top(model.spread, rule.medium_share) else "low"


SHIPPED = Path(__file__).with_name("tiers.toml")


@cache
def load_tiers(path: Path = SHIPPED) -> Tiers:
    """The rule in a TOML file; `TiersError` names every fault."""
    try:
        document: Mapping[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
        return Tiers.model_validate(document)
    except (ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TiersError(f"{path} cannot be used: {error}") from error


def safer_than(probability: float, model: Model) -> int | None:
    """How many of 100 accounts were likelier to leave in the backtest: health, 0 to 100; None without a backtest.

    2026-11-26: it was 100 less the percentage of leaving, and so stood near 90 beside the words "high risk".
    """
    return 100 - max(0, bisect_right(model.spread, probability) - 1) if model.spread[-1] else None


def _at_top(spread: tuple[float, ...], share: float) -> float:
    """The probability that the top `share` of the backtest reached, between the percentiles of `spread`."""
    place = (1 - share) * 100
    low = int(place)
    high = min(low + 1, 100)
    return spread[low] + (place - low) * (spread[high] - spread[low])
