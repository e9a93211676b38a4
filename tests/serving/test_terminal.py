"""What every command does alike."""

from __future__ import annotations

import getpass

import pytest

from serving.terminal import os_user


def test_who_asks_is_the_user_of_the_machine_or_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    assert os_user() == "ada"

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert os_user().startswith("uid ")
