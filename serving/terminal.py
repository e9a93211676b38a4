"""What every command does alike: opens tables, reads dates, shows progress, prints, ends with the right status."""

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from features.kept import whole

if TYPE_CHECKING:
    import pandas as pd

    from features.warehouse import Warehouse

Progress = Callable[[float, str], None]


class WrongUse(Exception):
    """A command that cannot be carried out as given."""


def wrong_use(message: str) -> NoReturn:
    """Ends the command with one message and status 2."""
    raise WrongUse(message)


def say(as_json: bool, document: Any, text: str) -> None:
    """Prints the document for machines, or the text for people."""
    typer.echo(json.dumps(document, indent=1, ensure_ascii=False, default=str) if as_json else text)


def note(*notes: str | None) -> None:
    """Says on standard error what must be told beside the answer, if there is anything."""
    for told in filter(None, notes):
        typer.echo(f"tenure: {told}", err=True)


@contextmanager
def opened_warehouse(location: str, home: Path) -> "Iterator[Warehouse]":
    """The checked tables, kept under `home` so that only news is read next time; closed at the end.

    What must be told of the state is said on standard error.
    """
    from features.warehouse import open_warehouse

    opened = open_warehouse(location, loaded_on=datetime.now(UTC).date(), state=home / "warehouse")
    note(*opened.notes)
    try:
        yield opened
    finally:
        opened.close()


def day_named(text: str) -> date:
    """A day written as 2026-10-01; `WrongUse` if it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        wrong_use(f"expected a date such as 2026-10-01, found {text!r}")


def date_in(text: str, opened: "Warehouse") -> date:
    """A day that lies in the data; `WarehouseError` if it does not."""
    day = day_named(text)
    opened.check_date(day)
    return day


def day_after_last(opened: "Warehouse") -> date:
    """The first day on which everything in the tables was known."""
    return date.fromordinal(opened.last_day.toordinal() + 1)


def check_place(out: Path) -> None:
    """Raises `OSError` if no file can be written there: before long work, not after it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.is_dir():
        raise IsADirectoryError(f"{out} is a folder; expected the name of a file to write")
    aside = out.with_name(f".{out.name}.{os.getpid()}")
    aside.touch()
    aside.unlink()


def write_table(table: "pd.DataFrame", out: Path) -> None:
    """A whole Parquet file or none."""
    with whole(out) as aside:
        table.to_parquet(aside, index=False)


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """A progress bar on standard error where that is a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda done, what: bar.update(task, completed=done, description=what)


def os_user() -> str:
    """The user of this machine: who asks, as the trail keeps it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def check_port(host: str, port: int) -> None:
    """`WrongUse` if nothing can listen there."""
    import socket

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            wrong_use(f"cannot listen on {host}:{port} ({error}); free it or name another --port")


def end_with(error: Exception) -> NoReturn:
    """Known faults are told in one message; anything else is a bug and keeps its traceback.

    2026-11-27: a refusal is an answer, so a machine that asked for JSON gets it as that, too.
    """
    show = getattr(error, "show", None)  # of a wrong option, argument or command; typer may bring a click of its own
    if show is not None:
        show()
        sys.exit(2)
    status = _status(error)
    if status is None:
        raise error
    if status == 1 and "--json" in sys.argv:
        say(True, {"refused": getattr(error, "faults", None) or [str(error)]}, "")
    note(str(error))
    sys.exit(status)


def _status(error: Exception) -> int | None:
    """2 for bad input, 1 for a refusal, None for what nobody foresaw. Named here by text: their modules are slow."""
    name = f"{type(error).__module__}.{type(error).__name__}"
    known = {
        "features.given.WarehouseError",
        "features.engine.EngineError",
        "_duckdb.IOException",
        "_duckdb.OutOfMemoryException",
        "features.mapping.MappingError",
        "features.segments.SegmentsError",
        "features.lexicon.LexiconError",
        "serving.tiers.TiersError",
        "features.cohort.CohortError",
        "features.simulation.company.SimulationError",
        "training.dataset.DatasetError",
        "training.outcomes.OutcomeError",
        "training.model.ModelError",
        "training.registry.RegistryError",
        "training.tune.StudyError",
        "serving.access.AccessError",
        "serving.holdout.HoldOutError",
        "serving.playbooks.PlaybookError",
        "serving.terminal.WrongUse",
    }
    if name in known or isinstance(error, OSError):
        return 2
    return 1 if name in {"training.registry.PromotionRefused", "serving.record.NothingToServe"} else None
