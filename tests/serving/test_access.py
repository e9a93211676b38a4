"""One key per home, its owner's alone; every route but the probes asks for it."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.requests import HTTPConnection

from serving.access import AccessError, access_key, admits, is_open, presented


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


@pytest.mark.parametrize("written", ["", " \n", "k\u00e9y", "two\nlines"])
def test_a_file_that_holds_no_key_opens_nothing_and_is_told(tmp_path: Path, written: str) -> None:
    (tmp_path / "key").write_text(written, encoding="utf-8")
    with pytest.raises(AccessError, match=r"key: expected a key of printable ASCII letters, found .* delete it"):
        access_key(tmp_path)
    assert not admits("", "")


def test_a_key_of_the_environment_is_one_without_the_line_s_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TENURE_API_KEY", "ab+cd/ef==\n")
    assert access_key(tmp_path) == "ab+cd/ef=="
    monkeypatch.setenv("TENURE_API_KEY", "\U0001f98a")
    with pytest.raises(AccessError, match=r"TENURE_API_KEY: .* give another"):
        access_key(tmp_path)


def test_processes_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: access_key(tmp_path), range(32)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
