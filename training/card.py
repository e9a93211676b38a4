"""The model card: one page that says what a model predicts, how well, against what, and what it cannot see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from features.catalogue import FAMILIES
from features.revenue import GRACE_DAYS
from training.backtest import BASELINES, OURS, Backtest, came_to
from training.breakdown import (
    MEASURES,
    Breakdown,
    ahead_lines,
    breakdown,
    lead_lines,
    measures,
    part_lines,
    plain,
    rule,
)
from training.calibration import MIN_LEVEL_OUTCOMES, MIN_SEGMENT_OUTCOMES
from training.card_page import card_page
from training.dataset import Dataset
from training.metrics import CAPACITY
from training.model import Model
from training.outcomes import CHANGE, OUTCOMES
from training.plots import CAPTIONS, plots
from training.reasons import reason_shares
from training.weaknesses import profit_of, weaknesses
from training.worth import CONTACT, OFFER

FORMS = {
    "average precision": ".3f",
    "ROC-AUC": ".3f",
    "log loss": ".4f",
    "Brier score": ".4f",
    "precision in the top tenth": ".1%",
    "lift in the top tenth": ".1f",
    "ARR captured in the top tenth": ".0%",
    "promised over came": ".2f",
}
"""How each measure that has an interval is printed."""


@dataclass(frozen=True)
class Making:
    """How a model was made, so that it can be made again: its parameters, how many sets of them were tried (0: none was
    searched for) and whether the best was taken (`chosen`), the seed, and the fingerprint of what it learnt from."""

    params: Mapping[str, object]
    trials: int
    seed: int
    fingerprint: str
    chosen: bool = False

    @property
    def how(self) -> str:
        """How the parameters were come by."""
        if not self.trials:
            return "not searched for"
        if self.chosen:
            return f"the best of {self.trials} trials"
        return f"as without a search, for of {self.trials} trials none was better beyond chance"


def card_files(
    data: Dataset,
    result: Backtest,
    model: Model,
    refused: list[str],
    notes: Sequence[str] = (),
    making: Making | None = None,
) -> dict[str, str | bytes]:
    """`card.md`, `card.html`, its plots as SVG, and every measure of every group as CSV, by file name."""
    broken = breakdown(result)
    text = card_markdown(data, result, model, refused, notes, making, broken)
    drawn = plots(data, result, model)
    return {"card.md": text, "card.html": card_page(text, drawn), MEASURES: measures(result, broken), **drawn}


def card_markdown(
    data: Dataset,
    result: Backtest,
    model: Model,
    refused: list[str],
    notes: Sequence[str] = (),
    making: Making | None = None,
    broken: Breakdown | None = None,
) -> str:
    """The card in Markdown: tables of figures, in words first. `notes` are paragraphs on how it was trained, `broken`
    the breakdown of `result` where it was made before."""
    ours = result.metrics[OURS]
    lines = [
        f"# {model.outcome.capitalize()} within {model.horizon_days} days",
        "",
        f"Says how likely it is that an account {OUTCOMES[model.outcome].verb} within {model.horizon_days} days. "
        f"Learnt from {len(data.frame):,} rows of {data.frame['account_id'].nunique():,} accounts, nothing known on or "
        f"after {model.until}; it answers for {', '.join(map(str, model.horizons))} days "
        f"ahead. The outcome happened in {model.base_rate:.1%} of the rows, to "
        f"{came_to(data.frame, model.outcome):,} accounts. {data.unmatured:,} rows whose "
        f"horizon had not passed and {data.gone:,} of accounts that had already left were dropped.",
        "",
        _for_whom(model.outcome),
        "",
        "**The gate is open.**" if not refused else "**Refused:** " + "; ".join(map(plain, refused)) + ".",
        *(line for note in notes for line in ("", note)),
        "",
        f"Judged on {ours.rows:,} rows of {len(result.folds)} periods, {result.folds[0].test[0]} to "
        f"{result.folds[-1].test[-1]}, by models made alike that knew no outcome of theirs: promised "
        f"{ours.expected:.0f} outcomes, {ours.outcomes} came, to {ours.accounts} accounts; an account counts on every "
        f"date asked. Of the ARR concerned, {ours.captured:.0%} belonged to the tenth of these rows ranked highest. "
        "What serves learnt from these rows too.",
        *_contender_lines(result),
        *part_lines(broken or breakdown(result)),
        *ahead_lines(result),
        *lead_lines(result),
        *_calibration_lines(result, model),
        *_reason_lines(reason_shares(model, data.frame, CAPACITY)),
        "",
        f"Known weaknesses: {'; '.join(weaknesses(result, model, making.trials if making and making.chosen else 0))}.",
        *_making_lines(making),
        *_sight_lines(model),
        *(line for file, caption in CAPTIONS.items() for line in ("", f"![{caption}]({file})")),
        "",
    ]
    return "\n".join(lines)


def _for_whom(outcome: str) -> str:
    """Of whom it speaks, and when the outcome counts as come (`training/outcomes.py`)."""
    counts = {
        "churn": f"An account leaves when what it pays falls to nothing for more than {GRACE_DAYS} days; a term that "
        "is signed again within these counts as never interrupted",
        "contraction": f"An account shrinks when its ARR at the horizon lies at least {CHANGE:.0%} below that of the "
        "day asked, and it has not left meanwhile",
        "expansion": f"An account grows when its ARR at the horizon lies at least {CHANGE:.0%} above that of the day "
        "asked, and it has not left meanwhile",
    }
    return (
        "It speaks of accounts that pay on the day asked and of which no notice of cancellation was known by then. "
        f"{counts[outcome]}."
    )


def _making_lines(making: Making | None) -> list[str]:
    if making is None:
        return []
    told = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in (making.params.items())
    )
    return [
        "",
        f"Made with seed {making.seed} from data of fingerprint {making.fingerprint}. "
        f"Parameters, {making.how}: {told}.",
    ]


def _contender_lines(result: Backtest) -> list[str]:
    """Every measure of ours and of the baselines, then by how much the log loss is lower."""
    contenders = (OURS, *result.beats)
    lines = ["", f"| out of time | Tenure | {' | '.join(result.beats)} |", rule(len(contenders))]
    for label, form in FORMS.items():
        found = [result.spread[who][label] for who in contenders]
        cells = [f"{one.value:{form}} ({one.low:{form}} to {one.high:{form}})" for one in found]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    for label, name, form in (
        ("calibration slope (1 is perfect)", "slope", ".2f"),
        ("calibration intercept at that slope (0 is perfect)", "intercept", "+.2f"),
        ("calibration error", "ece", ".4f"),
    ):
        cells = [format(getattr(result.metrics[who], name), form) for who in contenders]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    profits = [earned for who in contenders if (earned := profit_of(result, who)) is not None]
    lower = "; ".join(
        f"against {name} by {by:+.4f} ({low:+.4f} to {high:+.4f})" for name, (by, low, high) in result.beats.items()
    )
    for name in [name for name in BASELINES if name not in result.beats]:
        lower += f"; {name} was not there to be compared, for its signal is known of no account"
    if profits:
        lines.append(f"| expected profit of saving, % of the ARR | {' | '.join(map(_earned, profits))} |")
    return [
        *lines,
        "",
        "In brackets: 95% of a bootstrap over accounts. Calibration error: the mean gap between probability and "
        f"frequency over ten bins of as many rows each.{_profit_told(profits)}",
        "",
        f"Log loss lowered, with a 95% interval from a paired bootstrap over accounts: {lower}",
    ]


def _earned(profit: float) -> str:
    return f"{profit:.2%}" if round(profit, 4) else "0.00%: try nobody"


def _profit_told(profits: Sequence[float]) -> str:
    """What the profit is of, where anybody is to be saved, and what it says where there is none."""
    if not profits:
        return ""
    told = (
        f" Profit: of the best number of accounts to try to save by an offer of {OFFER:.0%} of their ARR, which those "
        f"take too who would have stayed, at a contact cost of {CONTACT:.1%} of the mean ARR; the share that can be "
        "saved unknown (Verbraken et al., 2013; Janssens et al., 2022)."
    )
    none = " At this cost it pays to try nobody, whoever ranks; only cheaper offers would."
    return told if any(round(one, 4) for one in profits) else told + none


def _calibration_lines(result: Backtest, model: Model) -> list[str]:
    """What the interval beside a probability means and whether it held; what segments add."""
    own = result.covered_own
    difference, low, high = result.segments
    gained = f"log loss lowered by {difference:+.4f} ({low:+.4f} to {high:+.4f})"
    added = ", ".join(f"{plain(name)} {value:+.2f}" for name, value in sorted(model.line.segments.items()))
    few = f"before no later test period the outcome had come to {MIN_SEGMENT_OUTCOMES} accounts of one"
    shared = f"what earlier periods said of a segment did not help in later ones ({gained})"
    judged = (
        "Each period judged by the calibration of earlier ones alone, the number that came lay in the interval itself "
        f"in {own.alone} of {own.of} groups of alike probability, and in {own.held} of {own.of} with the chance of the "
        "count added."
        if own.of
        else "Whether it held is not known: no test period had enough come true before it to calibrate on (at least "
        f"{MIN_LEVEL_OUTCOMES} rows)."
    )
    return [
        "",
        "Beside each probability of so many days ahead stands an interval: in 95 of 100 periods the rate behind "
        "accounts so scored lies in it. How many of so many accounts it comes to scatters about that rate by chance as "
        f"well, the more the fewer they are. {judged} The table of horizons above counts the latter at each.",
        "",
        f"What serves, in log-odds: {model.line.slope:.2f} times those of the trees, {model.line.intercept:+.2f}.",
        "",
        f"What a segment adds to the log-odds: {added} ({gained})."
        if added
        else f"All segments share one calibration: {shared if any(result.segments) else few}.",
    ]


def _reason_lines(reasons: Mapping[str, float]) -> list[str]:
    told = ", ".join(f"{name.lower()} {share:.0%}" for name, share in reasons.items())
    return ["", f"First reason of the {CAPACITY:.0%} of accounts most likely on the newest dates: {told or 'none'}."]


def _sight_lines(model: Model) -> list[str]:
    lines = ["", "| signal family | features seen | cannot see: no data, or the same for everybody |", "|---|---|---|"]
    for family, rows in FAMILIES.items():
        blind = [feature.label.lower() for feature in rows if feature.name not in model.encoding.features]
        lines.append(f"| {family} | {len(rows) - len(blind)} of {len(rows)} | {'; '.join(blind) or 'nothing'} |")
    return lines
