"""Accounts that get no playbook, drawn at random and kept, so that what playbooks do can be measured later.

Without such a group nobody knows whether a saved account would have stayed anyway: who looks worst is treated most.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from features.kept import whole

LARGEST = 0.5


class HoldOutError(ValueError):
    """A hold-out that cannot be drawn, or one that is kept already."""


@dataclass(frozen=True)
class HoldOut:
    """Every account, also one that comes later, is held out with probability `share`; its id and `seed` decide."""

    share: float
    seed: int

    def holds(self, account_id: str) -> bool:
        """Whether the account is held out: today, and on every later day."""
        drawn = hashlib.sha256(f"{self.seed}:{account_id}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") < self.share * 2**64


def hold_out(home: Path) -> HoldOut | None:
    """The hold-out that is kept under `home`; None if none was drawn, `HoldOutError` if its file is corrupted."""
    path = home / "holdout.json"
    if not path.exists():
        return None
    try:
        return HoldOut(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise HoldOutError(f"{path} is corrupted ({error!r}); write it again as it was, or remove it") from error


def draw(home: Path, share: float, seed: int) -> HoldOut:
    """Draws a hold-out and keeps it; the same again is the one that is kept.

    Raises `HoldOutError` for a share outside 0 to `LARGEST`, or where another is kept: to draw again would mix the
    treated with the untreated.
    """
    if not 0 < share <= LARGEST:
        raise HoldOutError(f"expected a share over 0 and up to {LARGEST}, found {share}; 0.1 is one account in ten")
    asked, kept = HoldOut(share, seed), hold_out(home)
    if kept is not None and kept != asked:
        raise HoldOutError(
            f"a hold-out of {kept.share:g} with seed {kept.seed} is kept in {home / 'holdout.json'}, and another would "
            "mix treated accounts with untreated ones; remove that file to end the experiment"
        )
    home.mkdir(parents=True, exist_ok=True)
    with whole(home / "holdout.json") as aside:
        aside.write_text(json.dumps(asdict(asked)), encoding="utf-8")
    return asked
