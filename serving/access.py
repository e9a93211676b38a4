"""Who may read: every route but the probes needs the key of this home."""

import hmac
import os
import secrets
from pathlib import Path

from starlette.requests import HTTPConnection

OPEN_PATHS = frozenset({"/livez", "/readyz", "/healthz", "/metrics", "/key"})
OPEN_PREFIXES = ("/static/",)
COOKIE = "tenure_key"


def access_key(home: Path) -> str:
    """The key: TENURE_API_KEY, else the one kept in `home/key`, made on first use and readable by its owner alone."""
    given = os.environ.get("TENURE_API_KEY")
    if given:
        return given
    path = home / "key"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text(encoding="utf-8").strip()


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
    return shown is not None and hmac.compare_digest(shown.encode(), key.encode())
