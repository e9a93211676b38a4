"""The whole path in one go: simulate, audit, train, promote, score; and the accounts that most need a person."""

from datetime import UTC, datetime
from pathlib import Path

from features.snapshot import Progress
from serving.brief import Brief
from serving.page import first_reason, money, percent, renewal
from serving.record import NothingToServe, score_of_record
from serving.scoring import Scoring
from serving.terminal import day_after_last, opened_warehouse, os_user
from training.registry import PromotionRefused, promote
from training.standing import named
from training.train import Trained, TrainingRun, train

SHOWN = 5


def run_demo(home: Path, *, accounts: int, months: int, seed: int, progress: Progress | None = None) -> list[str]:
    """What the demo found, in lines for a terminal. Raises `NothingToServe` if no churn model passed the gate."""
    from features.simulation import simulate
    from training.audit import contradictions_in, refusals

    say = progress or _silently
    today = datetime.now(UTC).date()
    folder = home / "demo" / f"company-{accounts}-{months}-{seed}-{today}"
    if not (folder / "truth").exists():
        say(0.0, "simulating a company")
        simulate(folder, accounts=accounts, months=months, seed=seed, end=today)
    say(0.1, "checking the tables")
    with opened_warehouse(str(folder), home) as warehouse:
        as_of = day_after_last(warehouse)
        found = refusals(contradictions_in(warehouse, as_of))
        if found:
            raise NothingToServe("the tables contradict themselves: " + "; ".join(found))
        trained = train(
            warehouse, TrainingRun(until=as_of, seed=seed), home, lambda done, what: say(0.15 + 0.65 * done, what)
        )
        lines = [_trained_line(home, one) for one in trained]
        try:
            scoring, _ = score_of_record(warehouse, as_of, home, lambda done, what: say(0.8 + 0.2 * done, what))
        except NothingToServe as nothing:
            told = "\n  - ".join(["nothing that was learnt may serve:", *lines])
            raise NothingToServe(f"{told}\nA small company teaches little; ask for more --accounts") from nothing
    return [*lines, "", *_most_urgent(scoring)]


def _silently(done: float, what: str) -> None:
    """Progress that nobody watches."""
    del done, what


def _trained_line(home: Path, one: Trained) -> str:
    if one.refused:
        return f"{one.outcome}: not enough to say: {'; '.join(one.refused)}"
    try:
        model = promote(home, one.outcome, one.version, who=os_user())
    except PromotionRefused as refused:
        return str(refused)
    assert one.backtest is not None
    found = one.backtest.metrics["tenure"]
    return (
        f"{model.version} serves: out of time it ranks with ROC-AUC {found.roc_auc:.2f}, and promised "
        f"{found.expected:.0f} where {found.outcomes} came"
    )


def _most_urgent(scoring: Scoring) -> list[str]:
    """The accounts with most ARR at stake from churn, each with its reason in words."""
    ranked = sorted(
        (brief for brief in scoring.briefs if brief.score("churn") is not None),
        key=lambda brief: -_at_stake(brief),
    )
    lines = [f"Who most needs a person on {scoring.as_of}:" if ranked else "No account has a churn score."]
    for place, brief in enumerate(ranked[:SHOWN], start=1):
        churn = brief.score("churn")
        assert churn is not None
        reason = first_reason(churn)
        lines.append(
            f"{place}. {brief.name}: {percent(churn.probability)} within {churn.horizon_days} days, "
            f"{money(churn.arr_at_stake)} of {money(brief.arr)} ARR at stake, {renewal(brief)}"
        )
        if reason is not None:
            lines.append(f"   {named(reason.reason, reason.share, churn.outcome)}: {reason.words}.")
    return lines


def _at_stake(brief: Brief) -> float:
    churn = brief.score("churn")
    return churn.arr_at_stake if churn else 0.0
