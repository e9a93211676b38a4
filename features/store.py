"""Yesterday's state: the checked tables of an embedded engine, kept in one DuckDB file so that only news is read.

A table is read again when its files, its columns, its declaration, its mapping or the accounts that it speaks of have
changed. Of a source whose rows have no key (usage), only the files that are new or changed are.

2026-11-26: no file that may be read is ever written. News go into a copy on the disk, which takes the name when it is
whole; whoever has the one before open reads on in it. So a training of minutes keeps nobody waiting, and after a crash
the file holds what it held before. A copy takes about a second a gigabyte, and room for a second file while it lasts.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import ibis.expr.types as ir

from features.check import PREMATURE, UNKNOWN_ACCOUNT, Counts, counted, judged
from features.engine import Engine, first_line
from features.given import Given, WarehouseError, float_ids, with_floats
from features.kept import code_of, digest, whole
from features.source import Source
from features.sources import SOURCES

WAIT_SECONDS = 900
STEP_SECONDS = 0.1
"""So long, and in such steps, is waited for another process that loads the same tables."""

SETTLED_SECONDS = 2
"""A file written less than this ago may be written again under the same stamp: some disks have coarse clocks."""

_WHOLE = ""
"""The part of all rows of a table that is read as one."""

_CODE = ("check.py", "cast.py", "engine.py", "source.py", "sources.py", "given.py", "handed.py", "store.py")
"""What decides how a row is read; another version of it reads all rows again."""


@dataclass(frozen=True)
class Store:
    """One state file, attached to an engine as `kept` while it is written and read."""

    engine: Engine
    path: Path
    loaded_on: date
    copy: ExitStack = field(default_factory=ExitStack)
    news: list[Path] = field(default_factory=list)

    @contextmanager
    def written(self) -> Iterator[list[str]]:
        """All that is kept within becomes durable at once, or none of it; what a user must be told of the state."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._turn() as size, self.copy:
            for left in self.path.parent.glob(f".{self.path.name}.*"):  # by a process that was killed
                left.unlink()
            told = self._set_aside_if_spoilt(size)
            self._run("SET preserve_insertion_order = true")
            if self.path.exists():
                self._attach(self.path, "(READ_ONLY)")
            else:
                self._write()
            yield told
            self._run("SET preserve_insertion_order = false")
            for aside in self.news:
                self._run("COMMIT")
                self._run("CHECKPOINT kept")
                self._run("DETACH kept")
                self._attach(aside, "(READ_ONLY)")

    def vanished(self, given: Iterable[str]) -> list[str]:
        """What was read once and is not given now, a line each."""
        kept = dict(self._run("SELECT source, state ->> 'loaded_on' FROM kept.loads").fetchall())
        return [
            f"{name}, last read on {kept[name]}, is not there now: what only it tells is unknown"
            for name in SOURCES
            if name in kept and name not in given
        ]

    def table(self, source: Source) -> ir.Table:
        """The checked rows of a source, the bad ones among them."""
        self._run(f"CREATE OR REPLACE TEMP VIEW checked_{source.name} AS FROM kept.checked_{source.name}")
        return self.engine.connection.table(f"checked_{source.name}").drop("part")

    def counts(self, source: Source, checked: ir.Table) -> Counts:
        """What the checked table of a source holds, counted once after each change of it."""
        columns = 'SELECT "rows", bad, "first", "last" FROM kept.counts'
        if kept := self._run(f"{columns} WHERE source = {_quoted(source.name)}").fetchall():
            return Counts(*kept[0])
        found = counted(self.engine, checked)
        days = ", ".join("NULL" if day is None else _quoted(day.isoformat()) for day in (found.first, found.last))
        self._run(f"INSERT INTO kept.counts VALUES ({_quoted(source.name)}, {found.rows}, {found.bad}, {days})")
        return found

    def keep(self, source: Source, given: Given, accounts: ir.Table | None, known_as: str) -> str:
        """Brings the checked table of a source up to date; a name of its state.

        `known_as` names the state of the accounts that the rows are held against.
        """
        before = self._state(source)
        parts = {name: self._stamp(path) for name, path in given.files.items()}
        if given.elsewhere:
            parts |= {"elsewhere": uuid4().hex}  # never alike: it is read anew
        held_against = "" if not source.key and source.event else known_as
        own = {column.name for column in source.columns}
        columns = [(name, str(kind)) for name, kind in given.rows.schema().items() if name in own]
        base = digest(source, given.said, columns, code_of(_CODE), duckdb.__version__, held_against)
        now = {"base": base, "parts": parts, "accounts": known_as, "loaded_on": self.loaded_on.isoformat()}
        alike = before is not None and before["base"] == base and before["loaded_on"] <= now["loaded_on"]
        stale = self._premature(source) if before and alike and before["loaded_on"] < now["loaded_on"] else set()
        if before and alike and before["parts"] == parts and before["accounts"] == known_as and not stale:
            return _named(before)
        self._write()
        now["floats"] = floats = float_ids(self.engine, given, source)
        given = with_floats(given, floats)
        if before and alike and before["floats"] == floats and not source.key and given.only is not None:
            news = {name for name, stamp in parts.items() if before["parts"].get(name) != stamp or name in stale}
            for name in sorted(set(before["parts"]) - set(parts) | (news & set(before["parts"]))):
                self._run(f"DELETE FROM kept.checked_{source.name} WHERE part = {_quoted(name)}")
            self._add(source, given, accounts, news)
            if before["accounts"] != known_as and accounts is not None:
                self._held_against(source, accounts)
            return self._remember(source, now)
        rows = judged(self.engine, given.rows, source, accounts, self.loaded_on)
        if given.only is None or source.key:
            self._run(
                f"CREATE OR REPLACE TABLE kept.checked_{source.name} AS "
                f"SELECT *, {_quoted(_WHOLE)} AS part FROM ({self._sql(rows)})"
            )
        else:
            described = self._run(f"DESCRIBE SELECT *, '' AS part FROM ({self._sql(rows)})").fetchall()
            kinds = ", ".join(f'"{name}" {kind}' for name, kind, *_ in described)
            self._run(f"CREATE OR REPLACE TABLE kept.checked_{source.name} ({kinds})")
            self._add(source, given, accounts, parts)
        return self._remember(source, now)

    def _add(self, source: Source, given: Given, accounts: ir.Table | None, parts: Iterable[str]) -> None:
        """The checked rows of some files, each marked with its name."""
        assert given.only is not None
        for name in sorted(parts):
            rows = self._sql(judged(self.engine, given.only([name]), source, accounts, self.loaded_on))
            into = f"INSERT INTO kept.checked_{source.name} BY NAME"
            # By month, then account: a window reads few row groups, and an account's rows lie together.
            order = f"date_trunc('month', {source.event}), account_id"
            self._run(f"{into} SELECT *, {_quoted(name)} AS part FROM ({rows}) ORDER BY {order}")

    def _premature(self, source: Source) -> set[str]:
        """The parts with rows that claimed to be known in the future: by now they may be known."""
        marked = f"FROM kept.checked_{source.name} WHERE fault_rule = {_quoted(PREMATURE)}"
        return {row[0] for row in self._run(f"SELECT DISTINCT part {marked}").fetchall()}

    def _held_against(self, source: Source, accounts: ir.Table) -> None:
        """Rows of accounts that have appeared become good, rows of accounts that have vanished bad.

        Only rows without a key are held so, and no value of theirs is learnt later: of them a fault takes the row.
        """
        table, known = f"kept.checked_{source.name}", f"(SELECT account_id FROM ({self._sql(accounts)}))"
        unknown = f"fault_rule = {_quoted(UNKNOWN_ACCOUNT)}"
        self._run(
            f"UPDATE {table} SET fault_column = NULL, fault_rule = NULL, fault_value = NULL, fault_cell = NULL "
            f"WHERE {unknown} AND account_id IN {known}"
        )
        self._run(
            f"UPDATE {table} SET fault_column = 'account_id', fault_rule = {_quoted(UNKNOWN_ACCOUNT)}, "
            f"fault_value = account_id, fault_cell = FALSE WHERE fault_rule IS NULL AND account_id NOT IN {known}"
        )

    def _state(self, source: Source) -> dict[str, Any] | None:
        # All rows, though there is one at most: DuckDB 2 does nothing else before a result has been read to its end.
        rows = self._run(f"SELECT state FROM kept.loads WHERE source = {_quoted(source.name)}").fetchall()
        return dict(json.loads(rows[0][0])) if rows else None

    def _remember(self, source: Source, state: Mapping[str, Any]) -> str:
        values = f"{_quoted(source.name)}, {_quoted(json.dumps(state))}"
        self._run(f"INSERT OR REPLACE INTO kept.loads VALUES ({values})")
        self._run(f"DELETE FROM kept.counts WHERE source = {_quoted(source.name)}")
        return _named(state)

    @contextmanager
    def _turn(self) -> Iterator[int]:
        """One process at a time loads; the bytes that the file had when the one before was done, 0 if nobody knows.

        Raises `WarehouseError` if another one goes on loading.
        """
        with self.path.with_suffix(".lock").open("a+") as lock:
            for tries in count():
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if tries * STEP_SECONDS >= WAIT_SECONDS:
                        raise WarehouseError(
                            f"another tenure command has been reading the same tables into {self.path} for "
                            f"{WAIT_SECONDS} s; wait until it has, or give another --home"
                        ) from error
                time.sleep(STEP_SECONDS)
            os.utime(lock.fileno())
            lock.seek(0)
            size = lock.read()
            yield int(size) if size.isdecimal() else 0
            lock.truncate(0)
            lock.write(str(self.path.stat().st_size))

    def _set_aside_if_spoilt(self, size: int) -> list[str]:
        """Moves a state file that cannot be read, or is shorter than `size`, out of the way; a line that says so.

        It is tried by an engine of its own: one that has met a broken file may refuse all that it is asked next.
        """
        if not self.path.exists():
            return []
        try:
            with duckdb.connect(str(self.path), read_only=True) as probe:
                probe.sql("FROM loads").fetchall()
            if self.path.stat().st_size >= size:
                return []
            fault = "it has been cut short"
        except duckdb.Error as error:
            fault = first_line(error)
        spoilt = self.path.replace(self.path.with_suffix(".spoilt"))
        self.path.with_name(f"{self.path.name}.wal").unlink(missing_ok=True)
        return [f"the state of earlier runs cannot be read ({fault}); it is now {spoilt}, and all tables are read anew"]

    def _write(self) -> None:
        """From here on `kept` is a copy, which takes the file's name when all is well."""
        if self.news:
            return
        aside = self.copy.enter_context(whole(self.path))
        self.news.append(aside)
        if self.path.exists():
            self._run("DETACH kept")
            shutil.copyfile(self.path, aside)
        self._attach(aside)
        self._run("BEGIN")
        self._run("CREATE TABLE IF NOT EXISTS kept.loads (source TEXT PRIMARY KEY, state TEXT)")
        self._run(
            'CREATE TABLE IF NOT EXISTS kept.counts (source TEXT PRIMARY KEY, "rows" BIGINT, bad BIGINT, '
            '"first" DATE, "last" DATE)'
        )

    def _stamp(self, file: Path) -> str:
        """What changes whenever a file does; of one written just now it is told apart from any other stamp.

        2026-11-26: whoever unpacks or copies a file may give it the size and the time of the one before, never its
        inode and the time at which that was changed. Where a disk numbers its files anew, they are read once more.
        """
        found, turn = file.stat(), self.path.with_suffix(".lock").stat().st_mtime_ns
        seen = f" seen {turn}" if turn - found.st_ctime_ns < SETTLED_SECONDS * 1e9 else ""
        return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}{seen}"

    def _attach(self, file: Path, how: str = "") -> None:
        self._run(f"ATTACH {_quoted(str(file))} AS kept {how}")

    def _run(self, text: str) -> Any:
        return self.engine.connection.raw_sql(text)

    def _sql(self, rows: ir.Table) -> str:
        return self.engine.text(rows)


def _named(state: Mapping[str, Any]) -> str:
    """A name of what a table holds: on another day more of its rows may be known."""
    return digest(state["base"], state["parts"], state["loaded_on"])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
