"""One run of scores of record: through the champions, into the ledger."""

from datetime import date
from pathlib import Path

from features.snapshot import Progress
from features.warehouse import Warehouse
from serving.holdout import hold_out
from serving.ledger import open_ledger
from serving.playbooks import load_playbooks
from serving.scoring import Scoring, score
from serving.tiers import load_tiers
from training.outcomes import OUTCOMES
from training.registry import champion


class NothingToServe(Exception):
    """No model passed the gate: there is not enough to say."""


def score_of_record(
    warehouse: Warehouse, as_of: date, home: Path, progress: Progress | None = None
) -> tuple[Scoring, dict[str, str]]:
    """Scores through the champions into the ledger; the scores, and per outcome without one why it is withheld."""
    models = [model for name in OUTCOMES if (model := champion(home, name)) is not None]
    if not models:
        raise NothingToServe(
            "no model has been promoted, so there is nothing to score with; run `tenure train …`, then "
            "`tenure promote churn`"
        )
    promoted = {model.outcome for model in models}
    withheld = {name: f"no model of {name} has been promoted" for name in OUTCOMES if name not in promoted}
    scoring = score(warehouse, as_of, models, load_playbooks(), load_tiers(), progress, hold_out(home))
    open_ledger(home).record(scoring, withheld)
    return scoring, withheld
