"""Who an account is on a date: size, value tier, motion and lifecycle stage, from one row of a snapshot."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.feature import is_known

Size = Literal["smb", "mid_market", "enterprise"]
Motion = Literal["tech_touch", "pooled", "high_touch"]
Stage = Literal["onboarding", "adoption", "maturity", "expansion"]
SIZES, MOTIONS, STAGES = get_args(Size), get_args(Motion), get_args(Stage)
VALUE_TIERS = ("high", "medium", "low")


@dataclass(frozen=True)
class Segment:
    """An account's place on a date; never to be confused with the tier of a score.

    `stage_days` are the days so far in the lifecycle stage; None where growth came between, whose day nobody says.
    """

    size: str
    value_tier: str
    motion: str
    stage: str
    stage_days: int | None = field(default=None, compare=False)


class SegmentsError(ValueError):
    """A file of thresholds that cannot be used; the message names every fault."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Size(_Strict):
    mid_market_arr: Annotated[float, Field(gt=0)]
    enterprise_arr: Annotated[float, Field(gt=0)]


class _Value(_Strict):
    high_arr: Annotated[float, Field(gt=0)]
    medium_arr: Annotated[float, Field(gt=0)]


class _Stage(_Strict):
    onboarding_days: Annotated[int, Field(gt=0)]
    maturity_days: Annotated[int, Field(gt=0)]
    expansion_seats_change: Annotated[float, Field(gt=0)]


class Thresholds(_Strict):
    """The content of `segments.toml`."""

    size: _Size
    value: _Value
    motion: dict[Size, Motion]
    stage: _Stage


SHIPPED = Path(__file__).with_name("segments.toml")


@cache
def thresholds(path: Path = SHIPPED) -> Thresholds:
    """The thresholds in a TOML file; pydantic's `ValidationError` names every fault."""
    try:
        return Thresholds.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SegmentsError(f"{path} cannot be used: {error}") from error


def segment_of(row: Mapping[str, object], limits: Thresholds | None = None) -> Segment:
    """The segment of one account from its snapshot `row`.

    A size that the company states speaks; else ARR does. An account that grew in the last half year is in the
    expansion stage, whatever its age after onboarding.
    """
    limits = limits or thresholds()
    arr = number_of(row, "arr")
    size = str(row["segment"]) if is_known(row.get("segment")) else _size(arr, limits)
    strategic = number_of(row, "strategic") > 0
    high, medium = strategic or arr >= limits.value.high_arr, arr >= limits.value.medium_arr
    grown = max(number_of(row, "seats_change_180d"), number_of(row, "arr_change_180d"))
    tenure = number_of(row, "tenure_days")
    largest, smallest = number_of(row, "arr_largest"), number_of(row, "arr_smallest")
    ever_grown = largest >= (1 + limits.stage.expansion_seats_change) * smallest
    if tenure <= limits.stage.onboarding_days:
        stage, since = "onboarding", 0
    elif grown >= limits.stage.expansion_seats_change:
        stage, since = "expansion", None
    elif tenure >= limits.stage.maturity_days:
        stage, since = "maturity", None if ever_grown else limits.stage.maturity_days
    else:
        stage, since = "adoption", None if ever_grown else limits.stage.onboarding_days + 1
    return Segment(
        size=size,
        value_tier="high" if high else "medium" if medium else "low",
        motion=limits.motion[size],  # type: ignore[index]  # SOURCES and the API let through the three sizes only
        stage=stage,
        stage_days=None if since is None or not is_known(row.get("tenure_days")) else int(tenure - since),
    )


def _size(arr: float, limits: Thresholds) -> str:
    if arr >= limits.size.enterprise_arr:
        return "enterprise"
    return "mid_market" if arr >= limits.size.mid_market_arr else "smb"


def number_of(row: Mapping[str, object], name: str) -> float:
    """A cell of a snapshot's row as a number; 0 where it is unknown."""
    value = row.get(name)
    return float(value) if isinstance(value, (int, float)) and is_known(value) else 0.0
