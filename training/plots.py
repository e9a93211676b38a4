"""The plots of a model card, as SVG: is it honest, what does it find, how early, and what it goes by."""

import io
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from features.catalogue import CATALOGUE
from features.odds import sigmoid
from training.backtest import HEALTH, LOGISTIC, SERVED, Backtest
from training.dataset import Dataset
from training.lead import early
from training.metrics import CAPACITY, bins
from training.model import Model
from training.reasons import reason_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, PAPER, MUTED, ACCENT, AMBER = "#1c2430", "#ffffff", "#8a94a3", "#1f6f8b", "#c58b2a"
RIVALS = ((HEALTH, HEALTH, MUTED), (LOGISTIC, LOGISTIC, AMBER), ("Tenure", SERVED, ACCENT))
"""Who is drawn: name, column of a backtest's rows, colour."""


CAPTIONS = {
    "calibration.svg": "Is a probability a frequency?",
    "lift.svg": "What looking at the top finds",
    "lead.svg": "How early is it seen?",
    "reasons.svg": f"First reason of the likeliest {CAPACITY:.0%}",
    "features.svg": "What weighs most",
}
"""What each plot shows, by file name."""


def plots(data: Dataset, result: Backtest, model: Model) -> dict[str, bytes]:
    """The plots by file name."""
    return {
        "calibration.svg": _plot(lambda axes: _calibration(axes, result)),
        "lift.svg": _plot(lambda axes: _lift(axes, result)),
        "lead.svg": _plot(lambda axes: _lead(axes, result)),
        "reasons.svg": _plot(lambda axes: _reasons(axes, reason_shares(model, data.frame, CAPACITY))),
        "features.svg": _beeswarm(data, model),
    }


def _plot(draw: "Callable[[Axes], None]") -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 4.0), layout="constrained", facecolor=PAPER)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    draw(axes)
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _calibration(axes: "Axes", result: Backtest) -> None:
    rows = result.rows
    for name, column, colour in RIVALS:
        found = bins(rows["happened"].to_numpy(dtype=float), sigmoid(rows[column].to_numpy(dtype=float)))
        axes.plot([said for said, _, _ in found], [was for _, was, _ in found], "o-", color=colour, label=name, ms=4)
    top = max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([0, top], [0, top], color=MUTED, lw=0.8, ls="--")
    axes.locator_params(axis="x", nbins=5)  # more labels run into one another
    axes.set(xlabel="probability said", ylabel="frequency seen", title=CAPTIONS["calibration.svg"])
    axes.legend(frameon=False)


def _lift(axes: "Axes", result: Backtest) -> None:
    rows = result.rows
    shares = np.linspace(0, 1, 101)
    for name, column, colour in RIVALS:
        ordered = rows["happened"].to_numpy(dtype=float)[np.argsort(-rows[column].to_numpy(dtype=float), kind="stable")]
        gained = np.concatenate([[0], np.cumsum(ordered)]) / max(ordered.sum(), 1)
        axes.plot(shares, gained[(shares * len(ordered)).astype(int)], color=colour, label=name)
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls="--")
    axes.set(xlabel="share of accounts looked at", ylabel="share of outcomes found", title=CAPTIONS["lift.svg"])
    axes.legend(frameon=False, loc="lower right")


def _lead(axes: "Axes", result: Backtest) -> None:
    found = early(result.rows, result.outcome, SERVED)
    for name, column, colour in RIVALS:
        said = early(result.rows, result.outcome, column, beside=SERVED)
        shares = [said[span].share for span in found]
        axes.plot(range(len(found)), shares, "o-", color=colour, label=name, ms=4)
    axes.axhline(CAPACITY, color=MUTED, lw=0.8, ls="--")
    spans = [f"{span.removesuffix(' days')}\n{one.accounts} accounts" for span, one in found.items()]
    axes.set_xticks(range(len(spans)), spans)
    axes.set(
        xlabel="days until it came (dashed: by chance)",
        ylabel=f"share already in the top {CAPACITY:.0%}",
        title=CAPTIONS["lead.svg"],
        ylim=(0, 1),
    )
    axes.legend(frameon=False)


def _reasons(axes: "Axes", reasons: Mapping[str, float]) -> None:
    axes.barh(list(reasons)[::-1], list(reasons.values())[::-1], color=ACCENT, height=0.6)
    axes.set(xlabel="share of accounts", title=CAPTIONS["reasons.svg"])
    axes.tick_params(axis="y", length=0)


def _beeswarm(data: Dataset, model: Model, most: int = 500, shown: int = 16) -> bytes:
    """SHAP's beeswarm of the features that weigh most, over a sample of the newest rows."""
    import shap
    from matplotlib.figure import Figure

    rows = data.frame.sort_values(["as_of", "account_id"]).tail(4 * most)
    rows = rows.sample(min(most, len(rows)), random_state=0)
    matrix = model.encoding.matrix(rows)
    shares, base = model.contributions(matrix)
    matrix[:, model.encoding.category_places] = np.nan  # the codes of categories have no order: they stay grey
    labels = [CATALOGUE[name].label for name in model.encoding.features]
    explanation = shap.Explanation(values=shares, base_values=base, data=matrix, feature_names=labels)
    figure = Figure(figsize=(9, 6.5), facecolor=PAPER)  # not pyplot's: a notebook that trains keeps its own backend
    figure.set_layout_engine("none")  # whatever a reader's own style says: the labels are longer than their axes
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)  # of a column that stays grey
        axes = shap.plots.beeswarm(explanation, max_display=shown, ax=figure.add_subplot(), show=False, plot_size=None)
    axes.set(xlabel="share in log-odds", title=CAPTIONS["features.svg"])
    out = io.BytesIO()
    figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    return out.getvalue()
