"""How good a model was by period, horizon, span of days and group: tables of the card, and every measure as CSV."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from training.backtest import OURS, SERVED, Backtest, judged
from training.horizons import LOST_AT_RENEWAL
from training.lead import BEFORE_END, before_the_end, early
from training.metrics import CAPACITY, Metrics
from training.weaknesses import asked_for, profit_of
from training.worth import MIN_SAID, Interval, grouped, intervals

MEASURES = "measures.csv"
HEAD = "rows | outcomes | of accounts | promised | average precision | ROC-AUC | log loss | slope | lift | ARR captured"
"""Of a period or a group; lift and ARR captured are those of its own top tenth."""
DOUBTED = ("average precision", "log loss", "promised over came")
"""What has an interval in each period and group as well; the others would take too long."""


@dataclass(frozen=True)
class Part:
    """How good a model was on some rows of a backtest. Where the outcome came to fewer than `MIN_SAID` accounts of
    them nothing but counts is said: `spread` is empty."""

    rows: pd.DataFrame
    metrics: Metrics
    spread: Mapping[str, Interval]

    @property
    def said(self) -> bool:
        return bool(self.spread)


@dataclass(frozen=True)
class Breakdown:
    """A backtest taken apart, by name: its periods, and groups of alike accounts."""

    periods: Mapping[str, Part]
    groups: Mapping[str, Part]


def breakdown(result: Backtest) -> Breakdown:
    """A backtest by period and by group, each with intervals from a bootstrap over accounts."""
    periods = {
        f"{fold.test[0]} to {fold.test[-1]}": rows
        for fold, (_, rows) in zip(result.folds, result.rows.groupby("fold"), strict=True)
    }
    found = [{name: _part(rows) for name, rows in some.items()} for some in (periods, grouped(result.rows))]
    return Breakdown(*found)


def _part(rows: pd.DataFrame) -> Part:
    found = judged(rows)
    return Part(rows, found, intervals(rows, SERVED, 0, DOUBTED) if found.accounts >= MIN_SAID else {})


def part_lines(broken: Breakdown) -> list[str]:
    """Quality by period, and by segment, value, plan, product and age."""
    lines = []
    for kind, parts in (("period", broken.periods), ("group", broken.groups)):
        lines += ["", f"| {kind} | {HEAD} |", rule(10)]
        lines += [f"| {plain(name)} | {_counts(part.metrics)} | {_quality(part)} |" for name, part in parts.items()]
    told = (
        f"Every measure of each period, horizon and group, with its intervals, stands in {MEASURES} beside this card."
    )
    return [*lines, "", told]


def measures(result: Backtest, broken: Breakdown) -> str:
    """Every measure as CSV, a line a period, horizon or group; counts alone where too few came."""
    everything = Part(result.rows, result.metrics[OURS], result.spread[OURS])
    parts = {"all": everything, **broken.periods, **broken.groups}
    lines = {name: vars(part.metrics) | _more(result, part) for name, part in parts.items()}
    lines |= {asked_for(name): vars(one) for name, one in result.ahead.items()}
    table = pd.DataFrame(lines.values(), index=pd.Index(lines, name="of"))
    table.loc[table["accounts"] < MIN_SAID, "roc_auc":] = float("nan")
    return table.to_csv()


def _more(result: Backtest, part: Part) -> dict[str, float]:
    """Intervals, profit, and how early, of a part of which more than counts can be said."""
    if not part.said:
        return {}
    found = {
        f"{name} {bound}": value
        for name in DOUBTED
        for bound, value in (("low", part.spread[name].low), ("high", part.spread[name].high))
    }
    earned = profit_of(result, OURS, part.rows)
    found |= {} if earned is None else {"profit": earned}
    return found | {
        f"seen {span} before": one.share
        for span, one in early(part.rows, result.outcome, SERVED).items()
        if one.accounts >= MIN_SAID
    }


def _counts(found: Metrics) -> str:
    return f"{found.rows:,} | {found.outcomes} | {found.accounts} | {found.expected:.0f}"


def _quality(part: Part) -> str:
    """How good it was, with the interval of its average precision; silence where too few came."""
    if not part.said:
        return f"too few{' | ' * 5}"
    found, ranked = part.metrics, part.spread["average precision"]
    return (
        f"{found.average_precision:.3f} ({ranked.low:.3f} to {ranked.high:.3f}) | {found.roc_auc:.3f} | "
        f"{found.log_loss:.4f} | {found.slope:.2f} | {found.lift:.1f} | {found.captured:.0%}"
    )


def ahead_lines(result: Backtest) -> list[str]:
    """The same model asked at every horizon, and at the end of the term."""
    head = (
        "| asked | rows | outcomes | of accounts | promised | average precision | ROC-AUC | log loss | interval held |"
    )
    lines = ["", head, rule(8)]
    for name, found in result.ahead.items():
        ranked = f"{found.average_precision:.3f} | {found.roc_auc:.3f} | {found.log_loss:.4f}"
        covered = result.covered.get(name)
        held = "has no interval" if name == LOST_AT_RENEWAL else "not known"
        held = f"{covered.held} of {covered.of} groups" if covered and covered.of else held
        lines.append(f"| {asked_for(name)} | {_counts(found)} | {ranked} | {held} |")
    return lines


def lead_lines(result: Backtest) -> list[str]:
    """How early the outcome was seen coming."""
    lines = [
        "",
        f"| {result.outcome} came after | rows | of accounts | already among the {CAPACITY:.0%} ranked highest |",
        rule(3),
    ]
    for span, one in early(result.rows, result.outcome, SERVED).items():
        lines.append(f"| {span} | {one.rows} | {one.accounts} | {one.share:.0%} |")
    ended = before_the_end(result.rows, SERVED)
    if ended is None:
        return lines
    said = f"{ended.share:.0%}" if ended.share == ended.share else "not enough to say"
    return [
        *lines,
        f"| lost with its term, {BEFORE_END} days before the term ends | {ended.rows} | {ended.accounts} | {said} |",
        "",
        "Each span is ranked by the answer at the horizon that ends it, the last line by the answer for the end of the "
        "term.",
    ]


def plain(text: str) -> str:
    """Somebody's own word, such as a plan's name, on one line and without what Markdown would read in it."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", " ".join(text.split()))


def rule(numbers: int) -> str:
    """The line under the head of a table: words to the left, then `numbers` columns to the right."""
    return "|---|" + "---:|" * numbers
