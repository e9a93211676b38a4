"""The card says in words and figures how good a model is, against what, and what it cannot see."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from features.catalogue import CATALOGUE
from tests.conftest import Company
from training.backtest import HEALTH, SERVED, USAGE_ALONE, Backtest
from training.calibration import Coverage
from training.card import Making, card_files, card_markdown
from training.lead import MIN_ENDED, before_the_end, early
from training.model import Model
from training.plots import _beeswarm
from training.registry import champion_file
from training.worth import MIN_SAID, groups


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
            f"{found.brier:.4f}",
            f"{found.precision:.1%}",
            f"{found.lift:.1f}",
        ):
            assert f"| {said} (" in text, "each with its interval"
    for difference, low, high in result.beats.values():
        assert f"{difference:+.4f} ({low:+.4f} to {high:+.4f})" in text
    ours = result.metrics["tenure"]
    assert f"promised {ours.expected:.0f} outcomes, {ours.outcomes} came, to {ours.accounts} accounts" in text
    assert "by models made alike that knew no outcome of theirs" in text, "the model that serves has seen those rows"
    assert "What serves learnt from these rows too." in text
    assert f"Learnt from {len(company.data.frame):,} rows" in text
    assert f"{company.data.unmatured:,} rows whose horizon had not passed" in text
    for fold in result.folds:
        assert f"{fold.test[0]} to {fold.test[-1]}" in text
    for found in (*result.by_fold, *result.ahead.values(), *groups(result.rows, SERVED).values()):
        assert f"| {found.rows:,} | {found.outcomes} | {found.accounts} | {found.expected:.0f} |" in text
    told = [one for one in groups(result.rows, SERVED).values() if one.accounts >= MIN_SAID]
    for found in (*result.by_fold, *told):
        assert f"| {found.log_loss:.4f} | {found.slope:.2f} | {found.lift:.1f} |" in text
    assert f"| calibration intercept at that slope (0 is perfect) | {ours.intercept:+.2f} |" in text
    asked = [line.split(" | ")[0] for line in text.splitlines() if re.match(r"\| (\d+ days ahead|by the end)", line)]
    assert asked == ["| 30 days ahead", "| 60 days ahead", "| 90 days ahead", "| by the end of the term"]


def test_a_baseline_that_was_not_there_is_named_and_has_no_figure(
    company: Company, parts: tuple[Backtest, Model]
) -> None:
    result, model = parts
    whole = card_markdown(company.data, result, model, [])
    assert "not there to be compared" not in whole
    without = {name: found for name, found in result.beats.items() if name != USAGE_ALONE}
    text = card_markdown(company.data, replace(result, beats=without), model, [])
    assert f"{USAGE_ALONE} was not there to be compared, for its signal is known of no account" in text
    assert text.count(USAGE_ALONE) == 1
    head, rule = (line.count("|") for line in text.split("| out of time |")[1].splitlines()[:2])
    assert head + 2 == rule == whole.split("| out of time |")[1].splitlines()[1].count("|") - 1


def test_the_card_says_how_early_by_the_answers_that_reach(company: Company, parts: tuple[Backtest, Model]) -> None:
    result, model = parts
    text = card_markdown(company.data, result, model, [])
    for span, one in early(result.rows, "churn", SERVED).items():
        assert f"| {span} | {one.rows} | {one.accounts} | {one.share:.0%} |" in text
    ended = before_the_end(result.rows, SERVED)
    assert ended is not None
    assert ended.accounts < MIN_ENDED
    assert f"180 days before the term ends | {ended.rows} | {ended.accounts} | not enough to say |" in text
    expansion = company.trained["expansion"]
    assert expansion.backtest is not None
    assert expansion.model is not None
    assert "before the term ends" not in card_markdown(company.data, expansion.backtest, expansion.model, [])


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("churn", "An account leaves when what it pays falls to nothing for more than 30 days"),
        ("expansion", "An account grows when its ARR at the horizon lies at least 5% above that of the day asked"),
    ],
)
def test_the_card_says_of_whom_it_speaks_and_what_counts(company: Company, outcome: str, said: str) -> None:
    one = company.trained[outcome]
    assert one.backtest is not None
    assert one.model is not None
    text = card_markdown(company.data, one.backtest, one.model, [])
    assert "accounts that pay on the day asked and of which no notice of cancellation was known by then" in text
    assert said in text


def test_the_card_counts_how_often_the_interval_held_both_ways(company: Company, parts: tuple[Backtest, Model]) -> None:
    result, model = parts
    judged = replace(result, covered={"churn_90": Coverage(11, 18, 20)})
    text = card_markdown(company.data, judged, model, [])
    assert "in 95 of 100 periods the rate behind accounts so scored lies in it" in text
    served = replace(model, line=replace(model.line, slope=0.834, intercept=-0.512))
    serves = "What serves, in log-odds: 0.83 times those of the trees, -0.51."
    assert serves in card_markdown(company.data, judged, served, [])
    assert "lay in the interval itself in 11 of 20 groups of alike probability, and in 18 of 20 with the chance" in text
    assert result.covered_own == Coverage(0, 0, 0), "a history too short to judge any period by earlier ones"
    young = card_markdown(company.data, result, model, [])
    assert "Whether it held is not known" in young
    assert young.count("| not known |") == len(result.ahead) - 1
    assert young.count("| has no interval |") == 1, "the end of the term has none"
    ahead = {name: Coverage(1, 10 + at, 20) for at, name in enumerate(result.ahead) if name != "churn_renewal"}
    text = card_markdown(company.data, replace(result, covered=ahead), model, [])
    for name, one in ahead.items():
        assert re.search(rf"\| {name.rpartition('_')[2]} days ahead \|.*\| {one.held} of 20 groups \|", text)


def test_the_card_says_why_segments_add_nothing(company: Company, parts: tuple[Backtest, Model]) -> None:
    result, model = parts
    plain = replace(model, line=replace(model.line, segments={}))
    few, tried = (
        card_markdown(company.data, replace(result, segments=gained), plain, [])
        for gained in ((0.0, 0.0, 0.0), (0.001, -0.002, 0.003))
    )
    assert "before no later test period the outcome had come to 40 accounts of one." in few
    assert "+0.0000 (+0.0000" not in few
    assert "did not help in later ones (log loss lowered by +0.0010 (-0.0020 to +0.0030))." in tried
    assert "before no later test period" not in tried


def test_only_the_card_of_those_who_leave_speaks_of_saving(company: Company, parts: tuple[Backtest, Model]) -> None:
    result, model = parts
    assert "| expected profit of saving, % of the ARR |" in card_markdown(company.data, result, model, [])
    for other in ("expansion", "contraction"):
        one = company.trained.get(other, company.trained["expansion"])
        assert one.backtest is not None
        assert one.model is not None
        text = card_markdown(company.data, replace(one.backtest, outcome=other), one.model, [])
        assert "profit" not in text.lower()
        assert " save" not in text


def test_a_profit_of_nothing_is_told_in_words(company: Company, parts: tuple[Backtest, Model]) -> None:
    result, model = parts
    nobody = replace(result, rows=result.rows.assign(arr=0.0))
    text = card_markdown(company.data, nobody, model, [])
    assert f"| expected profit of saving, % of the ARR |{' 0.00%: try nobody |' * 5}" in text
    assert "At this cost it pays to try nobody" in text
    known = replace(result, rows=result.rows.assign(**{HEALTH: 10 * result.rows["happened"]}))
    assert "At this cost it pays to try nobody" not in card_markdown(company.data, known, model, [])


def test_the_card_says_how_to_make_the_model_again(company: Company, parts: tuple[Backtest, Model]) -> None:
    making = Making({"rounds": 160, "learning_rate": 0.031234567}, 40, 7, "0123456789abcdef", chosen=True)
    text = card_markdown(company.data, *parts, [], making=making)
    assert "Made with seed 7 from data of fingerprint 0123456789abcdef" in text
    assert "the best of 40 trials: rounds 160, learning_rate 0.03123." in text
    assert "chosen, out of 40 tried, on the same" in text
    kept = card_markdown(company.data, *parts, [], making=replace(making, trials=2, chosen=False))
    assert "Parameters, as without a search, for of 2 trials none was better beyond chance: rounds 160" in kept
    assert "tried, on the same" not in kept
    plain = card_markdown(company.data, *parts, [], making=replace(making, trials=0, chosen=False))
    assert "Parameters, not searched for: rounds 160" in plain
    assert "tried, on the same" not in plain
    assert "Made with" not in card_markdown(company.data, *parts, [])


def test_the_card_shows_every_plot_that_lies_beside_it(company: Company, parts: tuple[Backtest, Model]) -> None:
    files = card_files(company.data, *parts, [])
    text = files["card.md"]
    assert isinstance(text, str)
    shown = re.findall(r"^!\[.+\]\((.+)\)$", text, re.MULTILINE)
    assert sorted(shown) == sorted(name for name in files if name.endswith(".svg"))


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


def test_a_readers_own_style_of_plots_leaves_room_for_the_beeswarm(
    company: Company, parts: tuple[Backtest, Model]
) -> None:
    with matplotlib.rc_context({"figure.constrained_layout.use": True, "figure.constrained_layout.w_pad": 5}):
        assert _beeswarm(company.data, parts[1])


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
    drawn = card_markdown(company.data, *parts, list(company.trained["churn"].refused))
    made = [line for line in kept.decode().splitlines() if line not in drawn.splitlines()]
    assert all(line.startswith("Made with") for line in made), "how it was made is the run's to tell"
    assert np.isfinite(parts[0].metrics["tenure"].captured)
