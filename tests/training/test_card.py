"""The card says in words and figures how good a model is, against what, and what it cannot see."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from features.catalogue import CATALOGUE
from tests.conftest import Company
from training.backtest import Backtest
from training.card import card_files, card_markdown
from training.model import Model
from training.registry import champion_file


@pytest.fixture
def parts(company: Company) -> tuple[Backtest, Model]:
    one = company.trained["churn"]
    assert one.backtest is not None
    assert one.model is not None
    return one.backtest, one.model


def test_the_card_gives_every_figure_of_every_contender(company: Company, parts: tuple[Backtest, Model]) -> None:
    result, model = parts
    text = card_markdown(company.data, result, model, [])
    for found in result.metrics.values():
        for said in (
            f"{found.average_precision:.3f}",
            f"{found.roc_auc:.3f}",
            f"{found.log_loss:.4f}",
            f"{found.lift:.1f}",
        ):
            assert said in text
    for difference, low, high in result.beats.values():
        assert f"{difference:+.4f} ({low:+.4f} to {high:+.4f})" in text
    ours = result.metrics["tenure"]
    assert f"it promised {ours.expected:.0f} outcomes, {ours.outcomes} came" in text
    assert f"Learnt from {len(company.data.frame):,} rows" in text
    assert f"{company.data.unmatured:,} rows whose horizon had not passed" in text
    for fold in result.folds:
        assert f"{fold.test[0]} to {fold.test[-1]}" in text


def test_the_card_says_whether_the_gate_is_open(company: Company, parts: tuple[Backtest, Model]) -> None:
    assert "**The gate is open.**" in card_markdown(company.data, *parts, [])
    refused = card_markdown(company.data, *parts, ["slope is 0.10", "close to chance"])
    assert "**Refused:** slope is 0.10; close to chance." in refused
    assert "open" not in refused.split("Refused")[1].split("\n")[0]


def test_the_card_names_what_the_model_cannot_see(company: Company, parts: tuple[Backtest, Model]) -> None:
    result, model = parts
    text = card_markdown(company.data, result, model, [])
    unseen = [feature.label.lower() for name, feature in CATALOGUE.items() if name not in model.encoding.features]
    for label in unseen:
        assert label in text
    assert text.count(" of ") > 7


def test_the_plots_are_drawings_that_stand_alone(company: Company) -> None:
    for name in ("calibration.svg", "lift.svg", "lead.svg", "reasons.svg", "features.svg"):
        drawing = champion_file(company.home, "churn", name)
        assert drawing is not None, name
        root = ElementTree.fromstring(drawing)
        assert root.tag.endswith("svg")
        assert len(list(root.iter())) > 50, name


def test_the_page_holds_the_card_and_its_plots_and_no_script(company: Company) -> None:
    page = champion_file(company.home, "churn", "card.html")
    assert page is not None
    text = page.decode()
    assert text.count("<svg") == 5
    assert "<table>" in text
    assert "<script" not in text
    assert "| " not in text.split("<svg")[0]


def test_what_refused_a_model_is_escaped_on_its_page(company: Company, parts: tuple[Backtest, Model]) -> None:
    html = card_files(company.data, *parts, ["<script>alert(1)</script>"])["card.html"]
    assert isinstance(html, str)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_card_draws_the_same_twice(company: Company, parts: tuple[Backtest, Model]) -> None:
    kept = champion_file(company.home, "churn", "card.md")
    assert kept is not None
    assert card_markdown(company.data, *parts, list(company.trained["churn"].refused)).encode() == kept
    assert np.isfinite(parts[0].metrics["tenure"].captured)
