"""One key per home, its owner's alone; every route but the probes asks for it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from starlette.requests import HTTPConnection

from serving.access import access_key, admits, is_open, presented


def shown(*headers: tuple[str, str]) -> str | None:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return presented(HTTPConnection({"type": "http", "headers": raw}))


def test_the_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    key = access_key(tmp_path / "home")
    assert len(key) >= 32
    assert access_key(tmp_path / "home") == key
    assert stat.S_IMODE((tmp_path / "home" / "key").stat().st_mode) == 0o600
    assert access_key(tmp_path / "other") != key


def test_the_environments_key_comes_first_and_is_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENURE_API_KEY", "from outside")
    assert access_key(tmp_path) == "from outside"
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics", "/key", "/static/page.css"])
def test_probes_the_key_form_and_the_style_sheet_are_open(path: str) -> None:
    assert is_open(path)


@pytest.mark.parametrize(
    "path",
    ["/", "/v1/book", "/v1/score", "/accounts/livez", "/livez/", "/livez/../v1/book", "/static", "/keys", "//key"],
)
def test_all_else_is_closed(path: str) -> None:
    assert not is_open(path)


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (("Authorization", "Bearer abc"), "abc"),
        (("Authorization", "bearer  abc "), "abc"),
        (("Authorization", "Basic abc"), None),
        (("Authorization", "Bearer"), None),
        (("Authorization", ""), None),
        (("X-API-Key", "abc"), "abc"),
        (("Cookie", "other=1; tenure_key=abc"), "abc"),
        (("Cookie", "tenure=abc"), None),
    ],
)
def test_a_key_is_read_where_it_may_be_shown(header: tuple[str, str], key: str | None) -> None:
    assert shown(header) == key


def test_only_the_whole_key_admits() -> None:
    assert admits("secret", "secret")
    for wrong in (None, "", "secre", "secrets", "SECRET", " secret", "sécret", "🦊"):
        assert not admits("secret", wrong)
