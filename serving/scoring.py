"""Scores of record: every eligible account on a date, through the champions, with drivers and playbooks.

2026-11-22: accounts that have given notice are not scored. No model learns from them (their leaving is a formality),
so a probability for them would be no frequency; the book counts them and says so.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from features.cohort import CohortError, attributes, paying
from features.feature import is_known
from features.milestones import Milestone, milestones
from features.notes import notes
from features.odds import sigmoid
from features.segments import number_of, segment_of
from features.snapshot import Progress, coverage, silent_families, snapshot
from features.warehouse import Warehouse
from serving.brief import Brief
from serving.drivers import acted_on, drivers
from serving.holdout import HoldOut
from serving.playbooks import Playbooks
from serving.score import Ahead, Score
from serving.tiers import Tiers, safer_than
from training.calibration import Floats
from training.model import Answers, Model
from training.outcomes import OUTCOMES

MOST_PLAYBOOKS = 3


@dataclass(frozen=True)
class Scoring:
    """One run over all eligible accounts: their briefs without evidence, their snapshot, who was left out, and the
    models that spoke."""

    as_of: date
    briefs: tuple[Brief, ...]
    table: pd.DataFrame
    noticed: tuple[str, ...]
    noticed_arr: float
    models: tuple[Model, ...]

    @property
    def scores(self) -> list[Score]:
        return [score for brief in self.briefs for score in brief.scores]

    def ahead(self) -> list[Score]:
        """Every score at each horizon that its model learnt: the rows of the scores file.

        An account's tier, and with it what to do, is one for an outcome, whatever the horizon.
        """
        rows = [{str(name): value for name, value in row.items()} for row in self.table.to_dict("records")]
        found = []
        for model in self.models:
            matrix = model.encoding.matrix(self.table)
            for days in model.horizons:
                shares, base = model.contributions(matrix, horizon_days=days)
                for number, (brief, row) in enumerate(zip(self.briefs, rows, strict=True)):
                    own = brief.score(model.outcome)
                    if own is not None:
                        found.append(_at(days, own, model, float(base[number]), shares[number], row))
        return sorted(
            found, key=lambda score: (score.account_id, list(OUTCOMES).index(score.outcome), score.horizon_days)
        )


def score(
    warehouse: Warehouse,
    as_of: date,
    models: Sequence[Model],
    playbooks: Playbooks,
    tiers: Tiers,
    progress: Progress | None = None,
    held: HoldOut | None = None,
) -> Scoring:
    """Scores every account paying on `as_of` without notice; raises `CohortError` if there is none.

    Accounts that are `held` out get no playbook.
    """
    accounts = paying(warehouse, as_of)
    noticed = accounts[accounts["notice"]]
    spine = accounts.loc[~accounts["notice"], ["account_id", "as_of"]].reset_index(drop=True)
    if spine.empty:
        raise CohortError(f"no account was paying without notice on {as_of}")
    table = snapshot(warehouse, spine, progress=progress)
    named = attributes(warehouse, as_of)
    names = dict(zip(named["account_id"], zip(named["name"], named["owner"], strict=True), strict=True))
    steps, behind = milestones(warehouse, as_of), notes(warehouse, as_of)
    shares, silent = coverage(table).to_list(), silent_families(table)
    said = [model.answers(model.encoding.matrix(table)) for model in models]
    churn = next((model for model in models if model.outcome == "churn"), None)
    briefs = []
    for number, row in enumerate(table.to_dict("records")):
        if progress and number % 200 == 0:
            progress(0.5 + 0.5 * number / len(table), f"scores of {as_of}")
        facts = {str(name): value for name, value in row.items()}
        scores = tuple(
            score_row(model, answers, number, facts, playbooks, tiers, as_of=as_of, coverage=shares[number])
            for model, answers in zip(models, said, strict=True)
        )
        if held is not None and held.holds(str(facts["account_id"])):
            scores = tuple(replace(score, playbooks=(), held_out=True) for score in scores)
        done = steps.get(str(facts["account_id"]), ())
        brief = _brief(facts, scores, names, as_of, shares[number], silent[number], done, churn)
        briefs.append(replace(brief, notes=behind.get(brief.account_id, ())))
    return Scoring(
        as_of, tuple(briefs), table, tuple(noticed["account_id"]), float(noticed["arr"].sum()), tuple(models)
    )


def score_row(
    model: Model,
    answers: Answers,
    number: int,
    row: dict[str, object],
    playbooks: Playbooks,
    tiers: Tiers,
    *,
    as_of: date,
    coverage: float,
) -> Score:
    """The score of row `number` of a model's answers: base + the drivers' shares = logit of the probability.

    A low risk asks for one step, and two ways to grow at once are two offers, which undo each other.
    """
    base = float(answers.base[number])
    stands_out = {reason: float(found[number]) for reason, found in answers.stands_out.items()}
    why = drivers(model, answers.shares[number], stands_out, row)
    log_odds = base + sum(driver.share for driver in why)
    own = _said(model, model.horizon_days, log_odds, row)
    ahead = {days: _said(model, days, float(found[number]), row) for days, found in answers.ahead.items()}
    by_renewal = float(answers.by_renewal[number])
    tier = tiers.tier(own.probability, model)
    arr = number_of(row, "arr")
    segment = segment_of(row)
    return Score(
        account_id=str(row.get("account_id", "")),
        as_of=as_of,
        outcome=model.outcome,
        horizon_days=model.horizon_days,
        probability=own.probability,
        tier=tier,
        arr=arr,
        arr_at_stake=_at_stake(model, own.probability, arr),
        coverage=coverage,
        model_version=model.version,
        base=base,
        drivers=why,
        playbooks=tuple(
            dict.fromkeys(
                playbook.id
                for driver in acted_on(why, model.outcome)
                for playbook in playbooks.match(driver.reason, segment, model.outcome, tier, row)
            )
        )[: 1 if tier == "low" or model.outcome == "expansion" else MOST_PLAYBOOKS],
        low=own.low,
        high=own.high,
        ahead=ahead | {model.horizon_days: own},
        by_renewal=None if math.isnan(by_renewal) else by_renewal,
    )


def _at(days: int, own: Score, model: Model, base: float, shares: Floats, row: dict[str, object]) -> Score:
    """An account's `own` score asked at another horizon: what was said there, with its reasons."""
    why = drivers(model, shares, {driver.reason: driver.stands_out for driver in own.drivers}, row)
    said = own.ahead[days]
    return replace(
        own,
        horizon_days=days,
        probability=said.probability,
        arr_at_stake=_at_stake(model, said.probability, own.arr),
        base=base,
        drivers=why,
        low=said.low,
        high=said.high,
    )


def _said(model: Model, days: int, log_odds: float, row: dict[str, object]) -> Ahead:
    return Ahead(float(sigmoid(log_odds)), *model.interval(log_odds, row.get("segment"), days))


def _at_stake(model: Model, probability: float, arr: float) -> float:
    return probability * arr * (1.0 if model.outcome == "churn" else abs(model.growth))


def _brief(
    row: dict[str, object],
    scores: tuple[Score, ...],
    names: dict[str, tuple[str, str]],
    as_of: date,
    share: float,
    silent: tuple[str, ...],
    steps: tuple[Milestone, ...],
    model: Model | None,
) -> Brief:
    churn = next((score for score in scores if score.outcome == "churn"), None)
    account_id = str(row["account_id"])
    name, owner = names.get(account_id, ("", ""))
    brief = Brief(
        account_id=account_id,
        name=name or account_id,
        owner=owner,
        as_of=as_of,
        segment=segment_of(row),
        arr=number_of(row, "arr"),
        days_to_renewal=_days_to_renewal(row),
        health=None if churn is None or model is None else safer_than(churn.probability, model),
        coverage=share,
        blind=silent,
        scores=scores,
        evidence=(),
        milestones=steps if any(step.reached_on is None for step in steps) else (),
    )
    return value_first(brief, row)


def value_first(brief: Brief, row: Mapping[str, object]) -> Brief:
    """The brief without an offer to grow where growth waits.

    Selling to an account that is likely to leave, or to cut, is itself a risk. 2026-11-27: growth follows value; an
    account that has drawn none from what it pays for is not asked to pay for more.
    """
    why = growth_waits({score.outcome: score.tier for score in brief.scores}, row)
    if not why:
        return brief
    waiting = (replace(one, playbooks=()) if one.outcome == "expansion" else one for one in brief.scores)
    return replace(brief, scores=tuple(waiting), growth_waits=why)


def growth_waits(tiers: Mapping[str, str], row: Mapping[str, object]) -> str:
    """Why an account with these tiers by outcome gets no offer to grow yet; nothing where it may."""
    if tiers.get("churn") == "high":
        return "Churn risk is high: settle that first, growth follows value."
    if tiers.get("contraction") == "high":
        return "A cut is likely: settle that first, growth follows value."
    if number_of(row, "expansion_talks_open"):
        return "A talk about growth is open already: bring that one to its end before there is another offer."
    if number_of(row, "no_first_value"):
        return "No feature that bears the value has been used yet: growth follows value."
    return ""


def _days_to_renewal(row: dict[str, object]) -> int | None:
    return int(number_of(row, "days_to_renewal")) if is_known(row.get("days_to_renewal")) else None
