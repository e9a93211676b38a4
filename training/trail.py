"""What served when, at whose word and why: the trail of a home, and the pointer to what serves now."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from features.kept import whole
from training.model import ModelError

PROMOTED, ROLLED_BACK, REFUSED = "promote", "rollback", "refuse"
NOBODY = "not said"
"""Who asked, where the caller does not say."""


def trail(home: Path) -> list[dict[str, Any]]:
    """Every promotion, rollback and refusal to promote, oldest first.

    `at`, `outcome`, `version`, `action` (promote, rollback or refuse), `who` (the user of the machine), `why`, `forced`
    (over the gate, or over another home), `faults` (what the gate found: overridden where it was promoted all the same)
    and `compared` (the version beside the champion of that moment, in words). Entries before 2026-11-26 have neither of
    the last three, nor `who`.
    """
    path = home / "promotions.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def write_down(home: Path, entry: Mapping[str, Any]) -> None:
    """Adds an entry to the trail."""
    with (home / "promotions.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(dict(entry), ensure_ascii=False) + "\n")


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
    its action; guessed from the versions alone, a promotion of an earlier version looked like a rollback.
    """
    served: list[str] = []
    for entry in entries:
        if entry["action"] == ROLLED_BACK:
            while served and served[-1] != entry["version"]:
                served.pop()
        if entry["action"] != REFUSED and served[-1:] != [entry["version"]]:
            served.append(entry["version"])
    if served[-1:] != [current]:  # a promotion that was cut short before it was written down
        served.append(current)
    return served[-2] if len(served) > 1 else None
