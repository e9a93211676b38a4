"""The model card: one page that says what a model predicts, how well, against what, and what it cannot see."""

import html
from collections.abc import Mapping, Sequence

from features.catalogue import FAMILIES
from features.feature import Reason
from training.backtest import BASELINES, OURS, SERVED, Backtest
from training.calibration import MIN_SEGMENT_OUTCOMES
from training.dataset import Dataset
from training.horizons import LOST_AT_RENEWAL
from training.metrics import CAPACITY
from training.model import Model
from training.outcomes import OUTCOMES
from training.plots import plots
from training.reasons import reason_shares
from training.worth import MIN_SAID, SAVE_COST, Interval, groups, lead, profit


def card_files(
    data: Dataset, result: Backtest, model: Model, refused: list[str], notes: Sequence[str] = ()
) -> dict[str, str | bytes]:
    """`card.md`, `card.html` and its plots as SVG, by file name."""
    text = card_markdown(data, result, model, refused, notes)
    drawn = plots(data, result, model)
    return {"card.md": text, "card.html": _page(text, drawn, model), **drawn}


def card_markdown(data: Dataset, result: Backtest, model: Model, refused: list[str], notes: Sequence[str] = ()) -> str:
    """The card in Markdown: tables of figures, in words first. `notes` are paragraphs on how it was trained."""
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
        *(line for note in notes for line in ("", note)),
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
    lines += _ahead_lines(result) + _lead_lines(result) + _group_lines(result) + _calibration_lines(result, model)
    lines += _reason_lines(reason_shares(model, data.frame, CAPACITY)) + _weakness_lines(result, model)
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


def _ahead_lines(result: Backtest) -> list[str]:
    """The same model asked at every horizon, and at the end of the term."""
    lines = ["", "| asked | rows | outcomes | promised | average precision | ROC-AUC | log loss |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, found in result.ahead.items():
        days = name.rpartition("_")[2]
        what = "by the end of the term" if name == LOST_AT_RENEWAL else f"{days} days ahead"
        lines.append(
            f"| {what} | {found.rows:,} | {found.outcomes} | {found.expected:.0f} | {found.average_precision:.3f} | "
            f"{found.roc_auc:.3f} | {found.log_loss:.4f} |"
        )
    return lines


def _calibration_lines(result: Backtest, model: Model) -> list[str]:
    """What the interval beside a probability means and whether it held; what segments add."""
    held, of = result.covered
    difference, low, high = result.segments
    gained = f"log loss lowered by {difference:+.4f} ({low:+.4f} to {high:+.4f})"
    added = ", ".join(f"{name} {value:+.2f}" for name, value in sorted(model.line.segments.items()))
    return [
        "",
        "Beside each probability stands an interval: in 95 of 100 periods the frequency among accounts so scored lies "
        f"in it. Each period judged by the others, it held in {held} of {of} groups of alike probability.",
        "",
        f"What a segment adds to the log-odds: {added} ({gained})."
        if added
        else "All segments share one calibration: what earlier periods said of a segment did not help in later ones "
        f"({gained}), or the outcome came to fewer than {MIN_SEGMENT_OUTCOMES} accounts of each.",
    ]


def _reason_lines(reasons: Mapping[str, float]) -> list[str]:
    told = ", ".join(f"{Reason(name).words.lower()} {share:.0%}" for name, share in reasons.items())
    return ["", f"First reason of the {CAPACITY:.0%} of accounts most likely on the newest dates: {told or 'none'}."]


def _weakness_lines(result: Backtest, model: Model) -> list[str]:
    """What the figures themselves warn of; silence where they warn of nothing."""
    found = []
    early = [(span, share) for span, (_, share) in lead(result.rows, result.outcome, SERVED).items()]
    if early and early[-1][1] < 2 * CAPACITY:
        found.append(f"{early[-1][0]} ahead it finds {early[-1][1]:.0%} in its top {CAPACITY:.0%}, little over chance")
    small = [name for name, one in groups(result.rows, SERVED).items() if one.outcomes < MIN_SAID]
    if small:
        found.append(f"nothing is shown for {', '.join(small)}: fewer than {MIN_SAID} outcomes each")
    for name, one in groups(result.rows, SERVED).items():
        if one.outcomes >= MIN_SAID and not 0.7 <= one.expected / one.outcomes <= 1.4:
            found.append(f"for {name} it promised {one.expected:.0f} where {one.outcomes} came")
    worst = min(result.by_fold, key=lambda one: one.roc_auc if one.roc_auc == one.roc_auc else 1.0)
    best = max(one.roc_auc for one in result.by_fold if one.roc_auc == one.roc_auc)
    if worst.roc_auc < best - 0.1:
        found.append(f"quality differs by period: ROC-AUC {worst.roc_auc:.2f} to {best:.2f}")
    blind = [family for family, rows in FAMILIES.items() if not {f.name for f in rows} & set(model.encoding.features)]
    if blind:
        found.append(f"it sees nothing of {', '.join(blind)}")
    found.append("it knows what tables know; a merger, a bankruptcy or a word in a corridor comes as a surprise")
    return ["", "Known weaknesses: " + "; ".join(found) + "."]


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


def _page(markdown: str, drawn: dict[str, bytes], model: Model) -> str:
    body = "\n".join(_blocks(markdown))
    figures = "\n".join(f"<figure>{_inline(plot)}</figure>" for plot in drawn.values())
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
