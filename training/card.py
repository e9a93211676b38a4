"""The model card: one page that says what a model predicts, how well, against what, and what it cannot see."""

import html
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from features.catalogue import CATALOGUE, FAMILIES
from training.backtest import BASELINES, HEALTH, LOGISTIC, OURS, SERVED, Backtest
from training.dataset import Dataset
from training.metrics import CAPACITY, bins
from training.model import Model, sigmoid
from training.outcomes import OUTCOMES
from training.worth import MIN_SAID, SAVE_COST, Interval, groups, lead, profit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, PAPER, MUTED, ACCENT = "#1c2430", "#ffffff", "#8a94a3", "#1f6f8b"


def card_files(
    data: Dataset, result: Backtest, model: Model, refused: list[str], leaks: Sequence[str] = ()
) -> dict[str, str | bytes]:
    """`card.md`, `card.html` and its plots as SVG, by file name."""
    text = card_markdown(data, result, model, refused, leaks)
    plots = {
        "calibration.svg": _plot(lambda axes: _calibration(axes, result)),
        "lift.svg": _plot(lambda axes: _lift(axes, result)),
        "features.svg": _beeswarm(data, model),
    }
    return {"card.md": text, "card.html": _page(text, plots, model), **plots}


def card_markdown(data: Dataset, result: Backtest, model: Model, refused: list[str], leaks: Sequence[str] = ()) -> str:
    """The card in Markdown: tables of figures, in words first. `leaks` were known and allowed when it was trained."""
    ours, ours_spread = result.metrics[OURS], result.spread[OURS]
    lines = [
        f"# {model.outcome.capitalize()} within {model.horizon_days} days",
        "",
        f"Says how likely it is that an account {OUTCOMES[model.outcome].verb} within {model.horizon_days} days. "
        f"Learnt from {len(data.frame):,} rows of {data.frame['account_id'].nunique():,} accounts, nothing known on or "
        f"after {model.until}; it answers for {', '.join(map(str, model.horizons))} days "
        f"ahead. The outcome happened in {model.base_rate:.1%} of them. {data.unmatured:,} rows whose "
        f"horizon had not passed and {data.gone:,} of accounts that had already left were dropped.",
        "",
        "**The gate is open.**" if not refused else "**Refused:** " + "; ".join(refused) + ".",
        *(["", "**Trained on tables that seem to know the outcome:** " + "; ".join(leaks) + "."] if leaks else []),
        "",
        f"Judged on {ours.rows:,} rows it had not seen, all later than what it had learnt from ({len(result.folds)} "
        f"periods, {result.folds[0].test[0]} to {result.folds[-1].test[-1]}): it promised {ours.expected:.0f} "
        f"outcomes, {ours.outcomes} came. Of the ARR concerned, {ours.captured:.0%} belonged to the tenth "
        "of accounts it ranked highest.",
        "",
        f"| out of time | Tenure | {' | '.join(BASELINES)} |",
        f"|---|---{'|---' * len(BASELINES)}|",
    ]
    for label in ours_spread:
        cells = [f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})" for one in _spreads(result, label)]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    for label, name, form in (
        ("log loss", "log_loss", ".4f"),
        ("Brier score", "brier", ".4f"),
        ("calibration slope (1 is perfect)", "slope", ".2f"),
        ("calibration error", "ece", ".4f"),
        ("lift in the top tenth", "lift", ".1f"),
        ("ARR captured in the top tenth", "captured", ".0%"),
    ):
        cells = [format(getattr(result.metrics[who], name), form) for who in (OURS, *BASELINES)]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    profits = [_profit(result, who) for who in (OURS, *BASELINES)]
    lines.append(f"| expected profit of saving, % of the ARR | {' | '.join(f'{one:.2%}' for one in profits)} |")
    lines += [
        "",
        "In brackets: 95 % of a bootstrap over accounts. Profit: of the best number of accounts to try to save, each "
        f"try at {SAVE_COST:.0%} of the mean ARR, the share that can be saved unknown (Verbraken et al., 2013; "
        "Janssens et al., 2022).",
    ]
    lines += ["", "Log loss lowered, with a 95 % interval from a paired bootstrap over accounts: "]
    lines[-1] += "; ".join(
        f"against {name} by {difference:+.4f} ({low:+.4f} to {high:+.4f})"
        for name, (difference, low, high) in result.beats.items()
    )
    lines += ["", "| period | rows | outcomes | promised | average precision | ROC-AUC |", "|---|---|---|---|---|---|"]
    for fold, found in zip(result.folds, result.by_fold, strict=True):
        lines.append(
            f"| {fold.test[0]} to {fold.test[-1]} | {found.rows:,} | {found.outcomes} | {found.expected:.0f} | "
            f"{found.average_precision:.3f} | {found.roc_auc:.3f} |"
        )
    lines += _lead_lines(result) + _group_lines(result)
    lines += ["", "| signal family | features seen | cannot see: no data, or the same for everybody |", "|---|---|---|"]
    for family, rows in FAMILIES.items():
        blind = [feature.label.lower() for feature in rows if feature.name not in model.encoding.features]
        lines.append(f"| {family} | {len(rows) - len(blind)} of {len(rows)} | {'; '.join(blind) or 'nothing'} |")
    lines.append("")
    return "\n".join(lines)


def _spreads(result: Backtest, label: str) -> list[Interval]:
    return [result.spread[who][label] for who in (OURS, *BASELINES)]


def _profit(result: Backtest, who: str) -> float:
    rows = result.rows
    happened, log_odds, arr = (rows[name].to_numpy(dtype=float) for name in ("happened", result.column(who), "arr"))
    return profit(happened, log_odds, arr)


def _lead_lines(result: Backtest) -> list[str]:
    """How early the outcome was seen coming."""
    found = lead(result.rows, result.outcome, SERVED)
    return [
        "",
        f"| {result.outcome} came after | rows | already among the {CAPACITY:.0%} ranked highest |",
        "|---|---|---|",
        *(f"| {span} | {count} | {share:.0%} |" for span, (count, share) in found.items()),
    ]


def _group_lines(result: Backtest) -> list[str]:
    """Quality by segment and age; silence where a group has too few outcomes."""
    lines = ["", "| accounts | rows | outcomes | promised | average precision | ROC-AUC |", "|---|---|---|---|---|---|"]
    for name, found in groups(result.rows, SERVED).items():
        said = f"{found.average_precision:.3f} | {found.roc_auc:.3f}" if found.outcomes >= MIN_SAID else "too few | "
        lines.append(f"| {name} | {found.rows:,} | {found.outcomes} | {found.expected:.0f} | {said} |")
    return lines


def _plot(draw: "Callable[[Axes], None]") -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 4.2), layout="constrained", facecolor=PAPER)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    draw(axes)
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _calibration(axes: "Axes", result: Backtest) -> None:
    rows = result.rows
    for name, column, colour in (
        (HEALTH, HEALTH, MUTED),
        (LOGISTIC, LOGISTIC, "#c58b2a"),
        ("Tenure", "served", ACCENT),
    ):
        found = bins(rows["happened"].to_numpy(dtype=float), sigmoid(rows[column].to_numpy(dtype=float)))
        axes.plot([said for said, _, _ in found], [was for _, was, _ in found], "o-", color=colour, label=name, ms=4)
    top = max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([0, top], [0, top], color=MUTED, lw=0.8, ls="--")
    axes.set(xlabel="probability said", ylabel="frequency seen", title="Is a probability a frequency?")
    axes.legend(frameon=False)


def _lift(axes: "Axes", result: Backtest) -> None:
    rows = result.rows
    shares = np.linspace(0, 1, 101)
    for name, column, colour in (
        (HEALTH, HEALTH, MUTED),
        (LOGISTIC, LOGISTIC, "#c58b2a"),
        ("Tenure", "served", ACCENT),
    ):
        ordered = rows["happened"].to_numpy(dtype=float)[np.argsort(-rows[column].to_numpy(dtype=float), kind="stable")]
        gained = np.concatenate([[0], np.cumsum(ordered)]) / max(ordered.sum(), 1)
        axes.plot(shares, gained[(shares * len(ordered)).astype(int)], color=colour, label=name)
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls="--")
    axes.set(
        xlabel="share of accounts looked at", ylabel="share of outcomes found", title="What looking at the top finds"
    )
    axes.legend(frameon=False, loc="lower right")


def _beeswarm(data: Dataset, model: Model, most: int = 500, shown: int = 16) -> bytes:
    """SHAP's beeswarm of the features that weigh most, over a sample of the newest rows."""
    import matplotlib

    matplotlib.use("Agg")
    import shap
    from matplotlib import pyplot

    rows = data.frame.sort_values(["as_of", "account_id"]).tail(4 * most)
    rows = rows.sample(min(most, len(rows)), random_state=0)
    shares, base = model.contributions(model.encoding.matrix(rows))
    labels = [CATALOGUE[name].label for name in model.encoding.features]
    explanation = shap.Explanation(
        values=shares,
        base_values=base,
        data=model.encoding.matrix(rows),
        feature_names=[f"{label}" for label in labels],
    )
    figure = pyplot.figure(facecolor=PAPER)
    axes = shap.plots.beeswarm(explanation, max_display=shown, show=False, plot_size=(9, 6.5))
    axes.set_xlabel("share in log-odds")
    out = io.BytesIO()
    axes.figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    pyplot.close("all")
    del figure
    return out.getvalue()


def _page(markdown: str, plots: dict[str, bytes], model: Model) -> str:
    body = "\n".join(_blocks(markdown))
    figures = "\n".join(f"<figure>{_inline(plot)}</figure>" for plot in plots.values())
    title = html.escape(f"{model.outcome} within {model.horizon_days} days")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Model card: {title}</title>'
        "<style>body{font:16px/1.55 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
        "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem;border-bottom:1px solid #d8dde5;"
        "text-align:right}td:first-child,th:first-child{text-align:left}figure{display:inline-block;"
        "margin:1rem 1.5rem 1rem 0;max-width:100%}svg{max-width:100%;"
        f"height:auto}}</style>{body}{figures}</html>"
    )


def _inline(svg: bytes) -> str:
    text = svg.decode()
    return text[text.index("<svg") :]


def _blocks(markdown: str) -> list[str]:
    """The few shapes of Markdown that a card has: a heading, paragraphs and tables."""
    out: list[str] = []
    for block in markdown.strip().split("\n\n"):
        lines = block.splitlines()
        if block.startswith("# "):
            out.append(f"<h1>{html.escape(block[2:])}</h1>")
        elif block.startswith("|"):
            cells = [[html.escape(cell.strip()) for cell in line.strip("|").split("|")] for line in lines]
            head = "".join(f"<th>{cell}</th>" for cell in cells[0])
            rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells[2:])
            out.append(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
        else:
            parts = html.escape(block).split("**")
            out.append("<p>" + "".join(f"<b>{p}</b>" if i % 2 else p for i, p in enumerate(parts)) + "</p>")
    return out
