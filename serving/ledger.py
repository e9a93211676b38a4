"""Scores of record: every run is kept, the latest run of a date speaks. The only door to the database."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import Engine, ExceptionContext, Row
from sqlalchemy.exc import DatabaseError, OperationalError

from features.catalogue import CATALOGUE, FAMILY_OF, UNITS
from features.feature import Reason, is_known, sentence, spoken
from features.segments import Segment
from serving.brief import Brief, Evidence, milestone_document, milestone_from, note_document, note_from
from serving.score import Ahead, Driver, Score, driver_document
from serving.scoring import Scoring

_METADATA = MetaData()


_RUNS = Table(
    "runs",
    _METADATA,
    Column("run_id", Integer, primary_key=True),
    Column("as_of", Date, nullable=False),
    Column("made_at", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("outcomes", Text, nullable=False),
    Column("withheld", Text, nullable=False),
    Column("noticed", Text, nullable=False),
    Column("noticed_arr", Float, nullable=False),
    Index("runs_by_date", "as_of", "run_id"),
)

_ACCOUNTS = Table(
    "accounts",
    _METADATA,
    Column("run_id", Integer, ForeignKey("runs.run_id"), primary_key=True),
    Column("account_id", String, primary_key=True),
    Column("brief", Text, nullable=False),
    Column("facts", Text, nullable=False),
)

_SCORES = Table(
    "scores",
    _METADATA,
    Column("run_id", Integer, ForeignKey("runs.run_id"), primary_key=True),
    Column("account_id", String, primary_key=True),
    Column("outcome", String, primary_key=True),
    Column("horizon_days", Integer, primary_key=True),
    Column("probability", Float, nullable=False),
    Column("tier", String, nullable=False),
    Column("arr", Float, nullable=False),
    Column("arr_at_stake", Float, nullable=False),
    Column("coverage", Float, nullable=False),
    Column("model_version", String, nullable=False),
    Column("base", Float, nullable=False),
    Column("drivers", Text, nullable=False),
    Column("playbooks", Text, nullable=False),
    Column("low", Float),
    Column("high", Float),
    Column("ahead", Text),
    Column("by_renewal", Float),
    Column("held_out", Boolean),
    Index("scores_by_account", "account_id", "run_id"),
)


@dataclass(frozen=True)
class Run:
    """One run of scores of record. `withheld` says per outcome without a champion why there is not enough to say."""

    run_id: int
    as_of: date
    outcomes: tuple[str, ...]
    withheld: dict[str, str]
    noticed: tuple[str, ...]
    noticed_arr: float


@dataclass(frozen=True)
class Ledger:
    """The database under a home directory (SQLite), made on first use."""

    engine: Engine

    def record(self, scoring: Scoring, withheld: dict[str, str]) -> int:
        """Keeps a run and returns its id, all or nothing; the same scores again are the run that was kept before."""
        scores, briefs = _score_rows(scoring.scores), _brief_rows(scoring)
        told = [scores, briefs, withheld, scoring.noticed, scoring.noticed_arr]
        fingerprint = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        with self.engine.begin() as connection:
            latest = _latest(scoring.as_of)
            found = connection.execute(
                select(_RUNS.c.run_id, _RUNS.c.fingerprint).where(_RUNS.c.run_id == latest)
            ).first()
            if found is not None and found.fingerprint == fingerprint:
                return int(found.run_id)
            made = connection.execute(
                _RUNS.insert().values(
                    as_of=scoring.as_of,
                    made_at=datetime.now(UTC).isoformat(timespec="seconds"),
                    fingerprint=fingerprint,
                    outcomes=json.dumps(sorted({score.outcome for score in scoring.scores})),
                    withheld=json.dumps(withheld),
                    noticed=json.dumps(scoring.noticed),
                    noticed_arr=scoring.noticed_arr,
                )
            )
            run_id = int((made.inserted_primary_key or (0,))[0])
            if briefs:
                connection.execute(_ACCOUNTS.insert(), [{"run_id": run_id} | row for row in briefs])
            if scores:
                connection.execute(_SCORES.insert(), [{"run_id": run_id} | row for row in scores])
        return run_id

    def latest_run(self) -> Run | None:
        """The run that speaks: the newest date, and of that the newest run; None before the first."""
        query = select(_RUNS).order_by(_RUNS.c.as_of.desc(), _RUNS.c.run_id.desc()).limit(1)
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Run(
            run_id=row.run_id,
            as_of=row.as_of,
            outcomes=tuple(json.loads(row.outcomes)),
            withheld=json.loads(row.withheld),
            noticed=tuple(json.loads(row.noticed)),
            noticed_arr=row.noticed_arr,
        )

    def briefs(self, run: Run) -> list[Brief]:
        """Every brief of a run, without evidence, in order of account id."""
        query = select(_SCORES).where(_SCORES.c.run_id == run.run_id).order_by(_SCORES.c.outcome)
        about = select(_ACCOUNTS.c.brief).where(_ACCOUNTS.c.run_id == run.run_id).order_by(_ACCOUNTS.c.account_id)
        with self.engine.connect() as connection:
            scores: dict[str, list[Score]] = {}
            for row in connection.execute(query):
                scores.setdefault(row.account_id, []).append(_score(row, run.as_of))
            documents = [json.loads(kept) for kept in connection.execute(about).scalars()]
        return [_brief(document, tuple(scores.get(document["account_id"], ())), run.as_of) for document in documents]

    def evidence(self, run: Run, account_id: str) -> tuple[Evidence, ...]:
        """What was known of an account in a run, one row a feature of the catalogue, in words."""
        query = select(_ACCOUNTS.c.facts).where(_ACCOUNTS.c.run_id == run.run_id, _ACCOUNTS.c.account_id == account_id)
        with self.engine.connect() as connection:
            kept = connection.execute(query).scalar()
        facts: dict[str, object] = json.loads(kept) if kept else {}
        return tuple(
            Evidence(
                family=FAMILY_OF[name],
                feature=name,
                label=feature.label,
                value=spoken(facts.get(name), feature.unit),
                words=sentence(feature, facts, UNITS),
            )
            for name, feature in CATALOGUE.items()
        )

    def history(self, account_id: str) -> list[Score]:
        """An account's scores of record over time, oldest first: of each date the run that speaks."""
        newest = select(func.max(_RUNS.c.run_id)).group_by(_RUNS.c.as_of)
        query = (
            select(_SCORES, _RUNS.c.as_of)
            .join(_RUNS, _RUNS.c.run_id == _SCORES.c.run_id)
            .where(_SCORES.c.account_id == account_id, _SCORES.c.run_id.in_(newest))
            .order_by(_RUNS.c.as_of, _SCORES.c.outcome)
        )
        with self.engine.connect() as connection:
            return [_score(row, row.as_of) for row in connection.execute(query)]


def open_ledger(home: Path) -> Ledger:
    """The ledger under `home`; readers do not wait for a writer. `OSError` if it cannot be used."""
    home.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{home / 'ledger.db'}")

    @event.listens_for(engine, "handle_error")
    def _failed(fault: ExceptionContext) -> None:
        if type(fault.sqlalchemy_exception) in (OperationalError, DatabaseError):
            cure = "Is there room on the disk, may it be written, is it whole? What it kept before stays as it was"
            raise OSError(f"{engine.url.database}, the ledger, cannot be used: {fault.original_exception}. {cure}")

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA busy_timeout = 10000")

    _METADATA.create_all(engine)
    _grow(engine)
    return Ledger(engine)


def _grow(engine: Engine) -> None:
    """Adds the columns that a ledger of an earlier version lacks; they may be null, and what it kept stays as it is."""
    for table in _METADATA.sorted_tables:
        there = {column["name"] for column in inspect(engine).get_columns(table.name)}
        with engine.begin() as connection:
            for column in table.columns:
                if column.name not in there:
                    kind = column.type.compile(engine.dialect)
                    connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))


def _latest(as_of: date) -> Any:
    return select(func.max(_RUNS.c.run_id)).where(_RUNS.c.as_of == as_of).scalar_subquery()


def _score_rows(scores: Sequence[Score]) -> list[dict[str, Any]]:
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


def _brief_rows(scoring: Scoring) -> list[dict[str, Any]]:
    rows = []
    for brief, facts in zip(scoring.briefs, scoring.table.to_dict("records"), strict=True):
        said = vars(brief)
        kept = {name: said[name] for name in ("account_id", "name", "owner", "arr", "days_to_renewal", "health")}
        kept |= {"segment": asdict(brief.segment), "coverage": brief.coverage, "blind": list(brief.blind)}
        kept["milestones"] = [milestone_document(step) for step in brief.milestones]
        kept["notes"] = [note_document(note) for note in brief.notes]
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


def _score(row: Row[Any], as_of: date) -> Score:
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


def _brief(document: dict[str, Any], scores: tuple[Score, ...], as_of: date) -> Brief:
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
    )
