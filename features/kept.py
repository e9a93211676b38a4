"""What is kept from run to run: whole files, under names that follow from all that decides what is in them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from shutil import rmtree

MOST_KEPT = 100
"""So many files of a kind are kept: a head a quarter for 25 years, or of some companies for fewer."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file to write beside `path`, which takes its name when the block ends well and vanishes when it does not.

    So nothing half-written is ever read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def shelf(folder: Path, *deciders: object) -> Path:
    """Where under `folder` lies what the deciders as they are now have made; what they made as they were is cleared."""
    own = folder / digest(*deciders)[:12]
    for other in folder.glob("*"):
        if other != own:
            rmtree(other, ignore_errors=True)
    return own


def bounded(folder: Path, ending: str) -> None:
    """Clears all files of an ending but the newest: what is cleared is worked out again where it is asked for.

    2026-11-27: answers that arrive late teach other heads, and each kept all texts once more. Every such file is read
    whole as soon as it is opened, so that no reader loses one that it is in the middle of.
    """
    files = [file for file in folder.glob(f"*.{ending}") if not file.name.startswith(".")]
    for old in sorted(files, key=_stamp)[:-MOST_KEPT]:
        old.unlink(missing_ok=True)


def _stamp(file: Path) -> float:
    """When a file was written; long ago if another process has cleared it."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def digest(*parts: object) -> str:
    """64 hex digits that change when any part's `repr` does."""
    return sha256("\n".join(map(repr, parts)).encode()).hexdigest()


@cache
def code_of(files: tuple[str, ...] = ()) -> str:
    """A digest of files of this package, by name; of all its Python where none are named."""
    folder = Path(__file__).parent
    named = [folder / name for name in files] or sorted(folder.rglob("*.py"))
    return digest(*(file.read_bytes() for file in named))
