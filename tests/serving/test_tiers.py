"""A tier is a published rule: of one probability and one model, and of nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from serving.tiers import SHIPPED, TierRule, Tiers, TiersError, load_tiers, safer_than
from tests.conftest import LATER, UNTIL, Company
from training.model import Model


@pytest.fixture
def model(company: Company) -> Model:
    """Half of all probabilities lie below 0.5; the base rate is 10 %."""
    found = company.trained["churn"].model
    assert found is not None
    return replace(found, base_rate=0.1, spread=tuple(place / 100 for place in range(101)))


@pytest.mark.parametrize(
    ("probability", "tier"),
    [
        (1.0, "high"), (0.92, "high"), (0.9199, "medium"), (0.75, "medium"), (0.7499, "low"), (0.0, "low"),
    ],
)  # fmt: skip
def test_the_top_shares_of_the_backtest_are_high_and_medium(model: Model, probability: float, tier: str) -> None:
    assert load_tiers().tier(probability, model) == tier


def test_a_probability_near_the_base_rate_is_low_however_rare(model: Model) -> None:
    flat = replace(model, spread=(0.1,) * 101)
    assert load_tiers().tier(0.1499, flat) == "low"
    assert load_tiers().tier(0.1501, flat) == "high"
    assert load_tiers().tier(0.375, replace(flat, base_rate=0.25)) == "high", "one and a half times it is enough"


def test_a_share_between_two_percentiles_is_read_between_them(model: Model) -> None:
    rule = TierRule(high_share=0.005, medium_share=0.25, least_lift=1)
    tiers = load_tiers().model_copy(update={"churn": rule})
    assert tiers.tier(0.9949, model) == "medium"
    assert tiers.tier(0.9951, model) == "high"


@pytest.mark.parametrize(
    ("probability", "health"), [(0.0, 100), (0.004, 100), (0.01, 99), (0.5, 50), (0.995, 1), (1.0, 0)]
)
def test_health_is_how_many_of_100_were_likelier_to_leave(model: Model, probability: float, health: int) -> None:
    assert safer_than(probability, model) == health
    assert safer_than(probability, replace(model, spread=(0.0,) * 101)) is None
    assert safer_than(0.05, replace(model, spread=(0.1,) * 101)) == 100, "less likely than all"


def test_every_score_of_record_has_the_tier_of_the_rule(company: Company) -> None:
    for day in (UNTIL, LATER):
        for found in company.scorings[day].scores:
            model = company.trained[found.outcome].model
            assert model is not None
            assert found.tier == load_tiers().tier(found.probability, model)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("high_share = 0.08", "high_share = 0.5", "must lie below medium_share"),
        ("high_share = 0.08", "high_share = 0.25", "must lie below medium_share"),
        ("high_share = 0.08", "high_share = 0", "greater than 0"),
        ("least_lift = 1.5", "least_lift = 0.5", "greater than or equal to 1"),
        ("least_lift = 1.5", "least_lift = 1.5\ncolour = 1", "colour"),
        ("version = 1", "", "version"),
        ("[churn]", "[joy]", "churn"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str, fault: str) -> None:
    path = tmp_path / "tiers.toml"
    path.write_text(SHIPPED.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(TiersError, match=fault):
        load_tiers(path)


def test_every_fault_of_a_rule_is_told_at_once() -> None:
    with pytest.raises(ValidationError) as told:
        Tiers.model_validate({"version": "one", "churn": {"high_share": 2, "least_lift": 0}})
    assert {fault["loc"][0] for fault in told.value.errors()} == {"version", "churn", "contraction", "expansion"}
