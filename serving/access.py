"""Who may read: every route but the probes needs the key of this home."""

import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from starlette.requests import HTTPConnection

OPEN_PATHS = frozenset({"/livez", "/readyz", "/healthz", "/metrics", "/key"})
OPEN_PREFIXES = ("/static/",)
COOKIE = "tenure_key"


class AccessError(ValueError):
    """A key that opens nothing; the message says where it is and what to do."""


def access_key(home: Path) -> str:
    """The key: TENURE_API_KEY, else the one kept in `home/key`, made on first use and readable by its owner alone.

    `AccessError` where what is given is no key: nothing, or what a header cannot say.
    """
    given = os.environ.get("TENURE_API_KEY")
    path = home / "key"
    if not given and not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(dir=home)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24))
        with suppress(FileExistsError):  # another process was first, and its key is the key
            os.link(aside, path)
        os.unlink(aside)
    key = (given or path.read_text(encoding="utf-8", errors="replace")).strip()
    if not (key and key.isascii() and key.isprintable()):
        place, cure = ("TENURE_API_KEY", "give another") if given else (str(path), "delete it, and one is made")
        raise AccessError(
            f"{place}: expected a key of printable ASCII letters, found {'others' if key else 'none'}; {cure}"
        )
    return key


def is_open(path: str) -> bool:
    """Whether a path needs no key."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


def presented(connection: HTTPConnection) -> str | None:
    """The key a caller shows: `Authorization: Bearer …`, `X-API-Key`, or the browser's cookie."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return connection.headers.get("x-api-key") or connection.cookies.get(COOKIE)


def admits(key: str, shown: str | None) -> bool:
    """Compared in constant time."""
    return bool(key) and shown is not None and hmac.compare_digest(shown.encode(), key.encode())
