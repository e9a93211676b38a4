"""What every command does alike."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from serving.terminal import opened_warehouse, os_user
from tests.worlds import world, written


def test_who_asks_is_the_user_of_the_machine_or_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    assert os_user() == "ada"

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert os_user().startswith("uid ")


def test_a_source_that_is_not_there_any_more_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(world(tickets="ticket_id | account_id | event_at\n t | a | -9d"), tmp_path / "tables")
    for said in ("", "tenure: tickets, last read on "):
        with opened_warehouse(str(folder), tmp_path / "home"):
            err = capsys.readouterr().err
            assert err.startswith(said)
            assert err.count("\n") == bool(said)
        (folder / "tickets.parquet").unlink(missing_ok=True)
