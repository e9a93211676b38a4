"""What tickets and survey comments say, as columns beside them: each different text is read once by each head.

A text is read by the head that was learnt from what had been answered before the calendar quarter in which the text
became known. So a reading never changes when more is answered, and a date in the past sees what it would have seen.
Where too little had been answered there is no head, and the lexicon speaks alone.

2026-11-24: by quarter, not by day: a head is a fit, and a text read anew each day would be read by hundreds of them.
A head learns from the whole company's comments, as the model does: one account's comments may colour how another's
texts are read later, never what is counted of it.
"""

import dataclasses
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from features.head import Head, fit
from features.kept import bounded, code_of, digest, shelf, whole
from features.sentiment import Reading, read_all
from features.sources import SOURCES
from features.warehouse import Warehouse

READ_FROM: Mapping[str, str] = {"tickets": "text", "surveys": "comment"}
"""The text column of a source; `text` yields `text_sentiment` and one `text_<intent>` flag an intent."""

NEWEST = 5_000
"""A head learns from the newest scored comments, at most so many."""

_READERS = ("sentiment.py", "lexicon.py", "lexicon.toml", "plain.py", "head.py")

_HEADS = "heads"
_QUARTER = "text_quarter"


def readings_schema(source: str) -> dict[str, str]:
    """The columns that reading adds to a source, with their types; none for a source without texts."""
    if source not in READ_FROM:
        return {}
    return {
        f"{READ_FROM[source]}_{field.name}": "float64" if field.type in (float, "float") else "boolean"
        for field in dataclasses.fields(Reading)
    }


def with_readings(warehouse: Warehouse, source: str) -> ir.Table:
    """The source's checked table with its texts read; the table itself where there is nothing to read."""
    table = warehouse.tables[source]
    column = READ_FROM.get(source)
    if column is None or column not in table.columns:
        return table
    table = table.mutate(**{_QUARTER: _quarter(_known(table, source))})
    if source not in warehouse.readings:
        texts = table.filter(table[column].notnull()).select(column, _QUARTER).distinct()
        asked = warehouse.engine.frame(texts.order_by(column, _QUARTER))
        read = _read(asked, column, heads_of(warehouse), warehouse.state)
        schema = {column: "string", _QUARTER: "int64"} | readings_schema(source)
        warehouse.readings[source] = warehouse.engine.put(f"readings_{source}", read, schema)
    readings = warehouse.readings[source]
    return table.left_join(readings, [column, _QUARTER]).drop(_QUARTER, f"{_QUARTER}_right", f"{column}_right")


def heads_of(warehouse: Warehouse) -> dict[int, Head]:
    """The head of each quarter (year x 4 + quarter) that has one, among the quarters in which texts became known."""
    if _HEADS not in warehouse.readings:
        told = pd.DataFrame(_learnt(warehouse), columns=["quarter", "head"]).astype({"quarter": "int64", "head": "str"})
        schema = {"quarter": "int64", "head": "string"}
        warehouse.readings[_HEADS] = warehouse.engine.put("reading_heads", told, schema)
    kept = warehouse.engine.frame(warehouse.readings[_HEADS].order_by("quarter"))
    return {int(quarter): Head.from_text(head) for quarter, head in zip(kept["quarter"], kept["head"], strict=True)}


def _known(table: ir.Table, source: str) -> ir.Value:
    """When a text became known: with its row, or when it was learnt where that was later."""
    learnt_at = SOURCES[source].column(READ_FROM[source]).learnt_at
    if learnt_at is None or learnt_at not in table.columns:
        return table.known_at
    return ibis.greatest(table.known_at, table[learnt_at].fill_null(table.known_at))


def _quarter(moment: ir.Value) -> ir.Value:
    return (moment.year() * 4 + moment.quarter()).cast("int64")


def _read(texts: pd.DataFrame, column: str, heads: Mapping[int, Head], state: Path | None) -> pd.DataFrame:
    """The readings of different texts of different quarters, each by its head, with text and quarter in front."""
    reader = texts[_QUARTER].where(texts[_QUARTER].isin(list(heads)), 0)
    found = [_read_by(heads.get(one), texts.loc[reader == one, column], state) for one in sorted(set(reader))]
    read = pd.concat(found or [read_all(texts[column])]).add_prefix(f"{column}_")
    return pd.concat([texts.astype({column: "str", _QUARTER: "int64"}), read], axis=1)


def _read_by(head: Head | None, texts: "pd.Series[str]", state: Path | None) -> pd.DataFrame:
    """The readings of texts by one head, on their index; under a state folder each is kept, and only news are read."""
    if state is None:
        return read_all(texts, head)
    kept = _kept(state, "readings", head and head.to_text(), "parquet")
    known = _readings_in(kept)
    news = texts.drop_duplicates()
    news = news if known is None else news[~news.isin(known.index)]
    if known is None or len(news):
        read = read_all(news, head).set_axis(news.to_numpy(), axis=0)
        known = read if known is None else pd.concat([known, read])
        with whole(kept) as aside:
            known.to_parquet(aside)
        bounded(kept.parent, "parquet")
    return known.reindex(texts.to_numpy()).set_axis(texts.index, axis=0)


def _readings_in(kept: Path) -> pd.DataFrame | None:
    """The readings in a file, by text; None where there is none, or a disk has spoilt it: then all are read anew."""
    try:
        return pd.read_parquet(kept)
    except (OSError, ValueError):
        return None


def _taught_by(scored: pd.DataFrame, state: Path | None) -> Head | None:
    """The head learnt from scored comments, if there are enough; under a state folder it is kept."""
    lessons = [scored[name].tolist() for name in ("comment", "score", "kind")]
    if state is None:
        return fit(*lessons)
    kept = _kept(state, "heads", lessons, "json")
    try:
        return Head.from_text(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # there is none yet, or a disk has spoilt it
        head = fit(*lessons)
    if head is not None:
        with whole(kept) as aside:
            aside.write_text(head.to_text(), encoding="utf-8")
        bounded(kept.parent, "json")
    return head


def _kept(state: Path, folder: str, said: object, ending: str) -> Path:
    """The file of what follows from something said, on the shelf of all that decides how it is read."""
    versions = [version(name) for name in ("vaderSentiment", "scikit-learn")]
    return shelf(state / folder, code_of(_READERS), versions) / f"{digest(said)[:24]}.{ending}"


def _learnt(warehouse: Warehouse) -> list[tuple[int, str]]:
    """Each quarter in which a text became known, with the text of its head, if there is one."""
    comments = _scored(warehouse)
    if comments.empty:
        return []
    found = []
    for quarter in _quarters(warehouse):
        before = comments[comments["quarter"] < quarter].tail(NEWEST)
        head = _taught_by(before, warehouse.state)
        if head is not None:
            found.append((quarter, head.to_text()))
    return found


def _scored(warehouse: Warehouse) -> pd.DataFrame:
    """Answered NPS comments with their scores, the oldest first, and the quarter in which they became known."""
    surveys = warehouse.tables.get("surveys")
    needed = ("comment", "score", "kind", "answered_at")
    if surveys is None or not set(needed) <= set(surveys.columns):
        return pd.DataFrame()
    answered = surveys.filter(*(surveys[name].notnull() for name in needed), surveys.kind == "nps")
    moment = _known(answered, "surveys")
    known = answered.select("comment", "score", "kind", moment=moment, quarter=_quarter(moment))
    return warehouse.engine.frame(known).sort_values(["moment", "comment", "score"], ignore_index=True)


def _quarters(warehouse: Warehouse) -> list[int]:
    found = [
        warehouse.engine.frame(
            table.filter(table[column].notnull()).select(quarter=_quarter(_known(table, source))).distinct()
        )
        for source, column in READ_FROM.items()
        if (table := warehouse.tables.get(source)) is not None and column in table.columns
    ]
    return sorted(set(np.concatenate([one["quarter"] for one in found]).tolist()))
