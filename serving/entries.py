"""What the ledger keeps of a score and of a brief, and both read back from it."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from features.catalogue import CATALOGUE
from features.feature import Reason, is_known
from features.segments import Segment
from serving.brief import Brief, milestone_document, milestone_from, note_document, note_from
from serving.score import Ahead, Driver, Score, driver_document
from serving.scoring import Scoring


def score_entries(scores: Sequence[Score]) -> list[dict[str, Any]]:
    """One row a score: the columns of the ledger's table `scores`, what has parts as JSON text."""
    return [
        {
            "account_id": score.account_id,
            "outcome": score.outcome,
            "horizon_days": score.horizon_days,
            "probability": score.probability,
            "tier": score.tier,
            "arr": score.arr,
            "arr_at_stake": score.arr_at_stake,
            "coverage": score.coverage,
            "model_version": score.model_version,
            "base": score.base,
            "drivers": json.dumps([driver_document(driver) for driver in score.drivers], ensure_ascii=False),
            "playbooks": json.dumps(score.playbooks),
            "low": score.low,
            "high": score.high,
            "ahead": json.dumps({days: vars(said) for days, said in score.ahead.items()}),
            "by_renewal": score.by_renewal,
            "held_out": score.held_out,
        }
        for score in scores
    ]


def brief_entries(scoring: Scoring) -> list[dict[str, Any]]:
    """One row an account: its brief without scores and evidence, and the facts that the evidence is told from."""
    rows = []
    for brief, facts in zip(scoring.briefs, scoring.table.to_dict("records"), strict=True):
        said = vars(brief)
        kept = {name: said[name] for name in ("account_id", "name", "owner", "arr", "days_to_renewal", "health")}
        kept |= {"segment": asdict(brief.segment), "coverage": brief.coverage, "blind": list(brief.blind)}
        kept["milestones"] = [milestone_document(step) for step in brief.milestones]
        kept["notes"] = [note_document(note) for note in brief.notes]
        kept["growth_waits"] = brief.growth_waits
        known = {name: facts[name] for name in CATALOGUE if is_known(facts.get(name))}
        rows.append(
            {
                "account_id": brief.account_id,
                "brief": json.dumps(kept, ensure_ascii=False),
                "facts": json.dumps({n: v for n, v in known.items() if _finite(v)}, ensure_ascii=False),
            }
        )
    return rows


def _finite(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def score_from(row: Any, as_of: date) -> Score:
    """The score that a row of the table `scores` keeps."""
    return Score(
        account_id=row.account_id,
        as_of=as_of,
        outcome=row.outcome,
        horizon_days=row.horizon_days,
        probability=row.probability,
        tier=row.tier,
        arr=row.arr,
        arr_at_stake=row.arr_at_stake,
        coverage=row.coverage,
        model_version=row.model_version,
        base=row.base,
        drivers=tuple(
            Driver(Reason(told["reason"]), told["words"], told["share"], tuple(told["features"]), told["stands_out"])
            for told in json.loads(row.drivers)
        ),
        playbooks=tuple(json.loads(row.playbooks)),
        low=row.probability if row.low is None else row.low,
        high=row.probability if row.high is None else row.high,
        ahead={int(days): _ahead(said) for days, said in json.loads(row.ahead or "{}").items()},
        by_renewal=row.by_renewal,
        held_out=bool(row.held_out),
    )


def _ahead(said: "dict[str, float] | float") -> Ahead:
    """What was said at a horizon; before 2026-11-27 it had no interval."""
    return Ahead(**said) if isinstance(said, dict) else Ahead(said, said, said)


def brief_from(document: dict[str, Any], scores: tuple[Score, ...], as_of: date) -> Brief:
    """The brief that a document keeps, with its scores and without evidence."""
    return Brief(
        account_id=document["account_id"],
        name=document["name"],
        owner=document["owner"],
        as_of=as_of,
        segment=Segment(**document["segment"]),
        arr=document["arr"],
        days_to_renewal=document["days_to_renewal"],
        health=document["health"],
        coverage=document["coverage"],
        blind=tuple(document["blind"]),
        scores=scores,
        evidence=(),
        milestones=tuple(milestone_from(step) for step in document.get("milestones", ())),
        notes=tuple(note_from(note) for note in document.get("notes", ())),
        growth_waits=document.get("growth_waits", ""),
    )
