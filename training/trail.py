"""What served when, at whose word and why: the trail of a home, and the pointer to what serves now."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from features.kept import whole
from training.model import ModelError

PROMOTED, ROLLED_BACK, REFUSED = "promote", "rollback", "refuse"
FILE, NEEDED = "promotions.jsonl", ("at", "outcome", "version", "action")
NOBODY = "not said"
"""Who asked, where the caller does not say."""


def trail(home: Path) -> list[dict[str, Any]]:
    """Every promotion, rollback and refusal to promote, oldest first.

    `at`, `outcome`, `version`, `action` (promote, rollback or refuse), `who` (the user of the machine), `why`, `forced`
    (over the gate, or over another home), `faults` (what the gate found: overridden where it was promoted all the same)
    and `compared` (the version beside the champion of that moment, in words), and `trials` (how many sets of parameters
    were tried for the version). Entries before 2026-11-26 have none of the last four, nor `who`. A line that is no
    entry is passed over (`unread`).
    """
    return [entry for _, entry in _lines(home) if entry is not None]


def newest(home: Path, outcome: str) -> dict[str, Any]:
    """The last entry of an outcome; `IndexError` before the first."""
    return [entry for entry in trail(home) if entry["outcome"] == outcome][-1]


def unread(home: Path) -> str | None:
    """Which lines of the trail are no entries, in words; None if all are. A killed process or a full disk leaves such a
    line, and so does a hand."""
    places = [str(place) for place, entry in _lines(home) if entry is None]
    if not places:
        return None
    return (
        f"{home / FILE}: line {', '.join(places)} is no entry of the trail and was passed over; expected JSON with "
        f"{', '.join(NEEDED)} on each line. Mend or delete it"
    )


def _lines(home: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Each line's place from 1, and its entry, None where it holds none; empty lines are left out."""
    path = home / FILE
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    for place, line in enumerate(lines, 1):
        if line.strip():
            yield place, _entry(line)


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    whole_entry = isinstance(found, dict) and all(isinstance(found.get(name), str) for name in NEEDED)
    return found if whole_entry else None


@contextmanager
def written_down(home: Path, entry: Mapping[str, Any]) -> Iterator[None]:
    """Adds an entry to the trail, whole and on the disk before the block begins; takes it away if the block fails.

    The caller holds the registry's lock, so that nobody writes meanwhile. `OSError` where it cannot be written; then
    the trail is as it was.
    """
    line = json.dumps(dict(entry), ensure_ascii=False).encode() + b"\n"
    with (home / FILE).open("ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        begun = file.read(1) not in (b"", b"\n")  # what was cut short keeps a line of its own
        done = False
        try:
            _write(file.fileno(), b"\n" * begun + line)
            yield
            done = True
        finally:
            if not done:
                os.truncate(file.fileno(), size)


def _write(file: int, text: bytes) -> None:
    while text:
        text = text[os.write(file, text) :]
    os.fsync(file)


def pointer(home: Path, outcome: str) -> dict[str, str] | None:
    """The `version` that serves and the `folder` of its copy; None before the first, `ModelError` if corrupted."""
    path = home / "champions" / f"{outcome}.json"
    if not path.exists():
        return None
    try:
        found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return {"version": found["version"], "folder": found["folder"]}
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} is corrupted ({error!r}); promote again") from error


def point(home: Path, outcome: str, version: str, folder: Path) -> None:
    """From now on `version` serves, from its copy in `folder`."""
    with whole(home / "champions" / f"{outcome}.json") as aside:
        aside.write_text(json.dumps({"version": version, "folder": str(folder.relative_to(home))}), encoding="utf-8")


def before(entries: Sequence[Mapping[str, Any]], current: str) -> str | None:
    """The version that served before the present one, of one outcome's entries; None if there was none.

    A promotion is laid on what serves, whichever version it is; a rollback takes the uppermost away. So rollbacks walk
    further back each time, and never return to what they left. 2026-11-26: which of the two an entry was is read from
    its action; guessed from the versions alone, a promotion of an earlier version looked like a rollback. An entry is
    written before its version serves, so that a last one that does not serve was cut short, and never did.
    """
    done = [entry for entry in entries if entry["action"] != REFUSED]
    served = _laid(done)
    if served[-1:] != [current]:
        cut_short = _laid(done[:-1])
        served = cut_short if cut_short[-1:] == [current] else [*served, current]  # else an entry was lost
    return served[-2] if len(served) > 1 else None


def _laid(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The versions that lie on one another, what serves uppermost."""
    served: list[str] = []
    for entry in entries:
        if entry["action"] == ROLLED_BACK:
            while served and served[-1] != entry["version"]:
                served.pop()
        if served[-1:] != [entry["version"]]:
            served.append(entry["version"])
    return served
