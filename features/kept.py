"""What is kept from run to run: whole files, under names that follow from all that decides what is in them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from shutil import rmtree


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


def digest(*parts: object) -> str:
    """64 hex digits that change when any part's `repr` does."""
    return sha256("\n".join(map(repr, parts)).encode()).hexdigest()


@cache
def code_of(files: tuple[str, ...] = ()) -> str:
    """A digest of files of this package, by name; of all its Python where none are named."""
    folder = Path(__file__).parent
    named = [folder / name for name in files] or sorted(folder.rglob("*.py"))
    return digest(*(file.read_bytes() for file in named))
