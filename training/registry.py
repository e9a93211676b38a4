"""Who becomes champion: challenger, gate, champion, rollback.

The registry is the record; what serves is a copy of the champion as text and JSON under `home/models`, so that the
serving process needs no MLflow. Pointers are written aside, then renamed; one lock keeps promotions in a row.
"""

import fcntl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from training.challenge import Beside, beside, sample_in
from training.model import Model, ModelError, load
from training.tracking import (
    CHALLENGER,
    CHAMPION,
    STATE,
    Record,
    Registered,
    address,
    alias,
    failure,
    opened,
    tagged,
    tracked,
    trials,
    versions,
    written,
)
from training.trail import NOBODY, PROMOTED, REFUSED, ROLLED_BACK, before, point, pointer, trail, written_down


class RegistryError(ValueError):
    """A registry that cannot be reached, or a model that is not there."""


class PromotionRefused(Exception):
    """The answer is no; `faults` names each test that failed and by how much."""

    def __init__(self, told: str, faults: Sequence[str], cure: str) -> None:
        super().__init__("\n".join([told, *(f"  - {fault}" for fault in faults), cure]))
        self.faults = list(faults)


def check_home(home: Path) -> None:
    """Makes `home` and checks that the tracking store answers, before any long work; `RegistryError` if not. One after
    another, as `register`: workers that begin, or end, together would make the same tables and models at once."""
    with _lock(home):
        _client(home)


def register(home: Path, record: Record) -> Registered:
    """Tracks the run, registers its model and names it challenger unless anything speaks against it.

    If the tracking store fails on the way, the model and its card are kept elsewhere, and `RegistryError` says where.
    """
    failed: tuple[type[Exception], ...] = (*failure(), OSError)
    try:
        with _lock(home):
            return tracked(opened(home), record)
    except failed as error:
        raise RegistryError(
            f"the tracking store {address(home)} failed while the run was being registered: "
            f"{str(error).splitlines()[0]}; {_kept(home, record)}. Mend the store and train again: the same tables and "
            "seed give the same model"
        ) from error


def _kept(home: Path, record: Record) -> str:
    """Keeps a model that could not be registered, and says where: under `home/unregistered`, or, for store and home
    often share the disk that is full, among the machine's temporary files."""
    name = f"{record.model.outcome}-{record.model.until}-{record.params.get('seed', 0)}"
    for own in (home / "unregistered", None):
        with suppress(OSError):
            place = own or Path(tempfile.mkdtemp(prefix="tenure-unregistered-"))
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=place) as scratch:
                made = written(record, Path(scratch, "model"))
                if (place / name).exists():
                    (place / name).rename(Path(scratch, "earlier"))
                return f"nothing is lost: the model and its card are in {made.rename(place / name)}"
    return "there is no room to keep the model either"


def promote(
    home: Path, outcome: str, version: str | None = None, *, force: bool = False, why: str = "", who: str = NOBODY
) -> Model:
    """The challenger, or `version`, becomes champion if nothing speaks against it, or by `force` with a reason.

    The gate's verdict on a version stays; what depends on the champion is asked beside that of this moment. Raises
    `PromotionRefused`, `RegistryError` where there is no such model, `ModelError` where it is corrupted.
    """
    if force and not why.strip():
        raise RegistryError("--force needs a reason: say --why 'what you know that the gate does not'")
    client = _client(home)
    entry = {"outcome": outcome, "who": who, "why": why or "the gate passed", "forced": force}
    with _lock(home), _store_that_answers():
        if not force:
            _check_holder(home, client, outcome)
        chosen = _known(client, outcome, version) if version else _challenger(home, client, outcome, entry)
        with _at_hand(home, client, outcome, chosen) as folder:
            found = beside_champion(home, load(folder), sample_in(folder))
            faults = [*tagged(client, outcome, chosen, "faults"), *found.faults]
            entry |= {"version": chosen, "faults": faults, "compared": list(found.compared)}
            entry |= {"trials": trials(client, outcome, chosen)}
            if faults and not force:
                _refuse(home, entry | {"why": why})
                raise PromotionRefused(
                    f"{outcome} version {chosen} is not promoted:", faults, _all_the_same(outcome, chosen)
                )
            return _install(home, client, folder, entry | {"action": PROMOTED})


def rollback(home: Path, outcome: str, *, who: str = NOBODY) -> Model:
    """The champion before the present one serves again; `RegistryError` if there was none."""
    client = _client(home)
    with _lock(home), _store_that_answers():
        current = pointer(home, outcome)
        _check_holder(home, client, outcome)
        entries = [entry for entry in trail(home) if entry["outcome"] == outcome]
        earlier = before(entries, current["version"]) if current else None
        if current is None or earlier is None:
            raise RegistryError(f"{outcome} has no earlier champion to roll back to")
        entry = {"outcome": outcome, "who": who, "why": f"back from version {current['version']}", "forced": False}
        entry |= {"version": earlier, "action": ROLLED_BACK, "faults": [], "compared": []}
        entry |= {"trials": trials(client, outcome, earlier)}
        with _at_hand(home, client, outcome, earlier) as folder:
            return _install(home, client, folder, entry)


def champion(home: Path, outcome: str) -> Model | None:
    """The model that serves, read from its copy; None if none was promoted; `ModelError` if it is corrupted."""
    serving = pointer(home, outcome)
    return None if serving is None else load(home / serving["folder"])


def champion_file(home: Path, outcome: str, file: str) -> bytes | None:
    """A file kept beside the champion, such as its card; None if there is none."""
    serving = pointer(home, outcome)
    path = home / serving["folder"] / file if serving else None
    return path.read_bytes() if path is not None and path.is_file() else None


def beside_champion(home: Path, challenger: Model, rows: pd.DataFrame | None) -> Beside:
    """The challenger beside the champion of this moment on its sample; nothing where there is none, or one that cannot
    be read."""
    serving = _sound(home, challenger.outcome)
    if serving is None or serving.version == challenger.version:
        return Beside()
    return beside(challenger, serving, rows)


def _sound(home: Path, outcome: str) -> Model | None:
    """The champion; None also where it cannot be read: a promotion mends that."""
    try:
        return champion(home, outcome)
    except ModelError:
        return None


def _check_holder(home: Path, client: Any, outcome: str) -> None:
    """2026-11-26: one home at a time holds the champion of a tracking store. Two would each serve its own, and a
    rollback in one would undo what the other promoted; who takes over says why."""
    held = alias(client, outcome, CHAMPION)
    try:
        serving = pointer(home, outcome)
    except ModelError:
        return  # nothing to compare; a promotion mends it
    own = serving["version"] if serving else None
    if held != own:
        raise RegistryError(
            f"expected the champion of {outcome} to be the same in the tracking store and in {home}, found "
            f"{_called(held)} there and {_called(own)} here: another home has promoted, or a promotion was cut short. "
            "Use the home that holds the champion, or "
            f"take over from here: `tenure promote {outcome} --version … --force --why '…'`"
        )


def _called(version: str | None) -> str:
    return f"version {version}" if version else "none"


def _known(client: Any, outcome: str, version: str) -> str:
    there = versions(client, outcome)
    if version not in there:
        raise RegistryError(f"{outcome} has no version {version}; there is {', '.join(there) or 'none'}")
    return version


def _challenger(home: Path, client: Any, outcome: str, entry: dict[str, Any]) -> str:
    """The challenger; where it, or a newer version, serves already there is none, and what became of the newest
    version is told instead. To go back is `rollback`."""
    chosen, there, serving = alias(client, outcome, CHALLENGER), versions(client, outcome), _sound(home, outcome)
    if not there:
        raise RegistryError(
            f"{outcome} has no challenger: not trained yet, or there was not enough to say. "
            f"Run `tenure train … --outcome {outcome}`, which says which"
        )
    if chosen and (serving is None or there.index(chosen) > _place(there, serving)):
        return chosen
    newest = there[-1]
    faults = [fault for tag in ("faults", "challenged") for fault in tagged(client, outcome, newest, tag)]
    told = f"{outcome} has no challenger{' that is newer than the champion' if chosen else ''}; "
    if faults:
        told, cure = f"{told}the newest version, {newest}, was refused:", _all_the_same(outcome, newest)
    else:
        told, cure = f"{told}no version is newer than {newest}.", f"Run `tenure train … --outcome {outcome}` first."
    entry = entry | {"version": newest, "why": "", "faults": faults, "compared": []}
    _refuse(home, entry | {"trials": trials(client, outcome, newest)})
    raise PromotionRefused(told, faults, cure)


def _place(there: Sequence[str], serving: Model) -> int:
    """Where the serving model's version stands among all, oldest first; before them where it is none of these."""
    version = serving.version.rpartition("-v")[2]
    return there.index(version) if version in there else -1


def _all_the_same(outcome: str, version: str) -> str:
    return f"To promote it all the same: `tenure promote {outcome} --version {version} --force --why '…'`"


@contextmanager
def _at_hand(home: Path, client: Any, outcome: str, version: str) -> Iterator[Path]:
    """The files of a version: its copy, or where there is none, or a corrupted one, as fetched for the while."""
    folder = _copy(home, outcome, version)
    if _readable(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(dir=home) as scratch:
        run_id = client.get_model_version(f"tenure-{outcome}", version).tags["run_id"]
        fetched = Path(client.download_artifacts(run_id, STATE, scratch))
        replace(load(fetched), version=f"{outcome}-v{version}").save(fetched)
        yield fetched


def _readable(folder: Path) -> bool:
    try:
        load(folder)
    except ModelError:
        return False
    return True


def _copy(home: Path, outcome: str, version: str) -> Path:
    return home / "models" / outcome / version


def _install(home: Path, client: Any, fetched: Path, entry: dict[str, Any]) -> Model:
    """The version of the entry serves from now on: its copy, the trail, the alias, the pointer, in this order.

    2026-11-26: the trail goes before what it tells of, and is taken back where that fails: no version serves without
    its entry.
    """
    outcome, version = entry["outcome"], entry["version"]
    model, folder = load(fetched), _copy(home, outcome, version)
    if fetched != folder:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            folder.rename(fetched.with_name("corrupted"))
        fetched.rename(folder)
    with _written_down(home, entry):
        client.set_registered_model_alias(f"tenure-{outcome}", CHAMPION, version)
        point(home, outcome, version, folder)
    return model


def _refuse(home: Path, entry: dict[str, Any]) -> None:
    with _written_down(home, entry | {"action": REFUSED}):
        pass


@contextmanager
def _written_down(home: Path, entry: dict[str, Any]) -> Iterator[None]:
    """The one place outside `serving` that asks the clock: when something was decided is no input of any figure."""
    try:
        with written_down(home, {"at": datetime.now(UTC).isoformat(timespec="seconds")} | entry):
            yield
    except OSError as error:
        raise RegistryError(
            f"what becomes of {entry['outcome']} version {entry['version']} cannot be written down in {home}: {error}. "
            "What served before goes on serving; make room on the disk, or give the right to write, and ask again"
        ) from error


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "registry.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _store_that_answers() -> Iterator[None]:
    """A store that fails on the way to a new champion is a `RegistryError`."""
    try:
        yield
    except failure() as error:
        raise RegistryError(
            f"the tracking store failed: {str(error).splitlines()[0]} Is it there, and is there room on the disk? "
            "What served before goes on serving; promote again"
        ) from error


def _client(home: Path) -> Any:
    try:
        client = opened(home).MlflowClient()
        client.search_experiments(max_results=1)
    except failure() as error:
        first = str(error).splitlines()[0]
        raise RegistryError(f"the tracking store {address(home)} does not answer: {first}") from error
    return client
