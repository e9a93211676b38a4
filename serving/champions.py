"""The champions that answer: each model with what callers are told of it. A promotion is noticed while they serve."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from features.catalogue import CATALOGUE, FAMILY_OF
from serving.shelf import LOOK_AGAIN_SECONDS
from training.model import Model, ModelError
from training.outcomes import OUTCOMES
from training.registry import champion, champion_file
from training.trail import pointer

CARD = "card.md"
_log = logging.getLogger("tenure")


@dataclass(frozen=True)
class Champion:
    """A model that answers, and what callers are told of it (`GET /v1/model`)."""

    model: Model
    document: Mapping[str, Any]


class Champions:
    """Hands out the champions under a home by outcome; a promotion or a rollback is noticed within five seconds.

    All outcomes are read together, and a caller keeps to what it was handed, so that no answer mixes two moments. Where
    what was promoted cannot be read, those before go on answering and the log says why. Raises `ModelError` if there
    are none before.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._named = _named(home)
        self._champions = _read(home, self._named)
        self._looked_at = time.monotonic()

    def now(self) -> Mapping[str, Champion]:
        """The champions of at most five seconds ago."""
        if time.monotonic() - self._looked_at < LOOK_AGAIN_SECONDS or not self._lock.acquire(blocking=False):
            return self._champions
        try:
            named = _named(self._home)
            if named != self._named:
                self._champions, self._named = _read(self._home, named), named
        except (ModelError, OSError) as error:
            _log.warning("those who were champions before go on answering: %s", error)
        finally:
            self._looked_at = time.monotonic()
            self._lock.release()
        return self._champions


def _named(home: Path) -> dict[str, str]:
    """The version that serves, by outcome."""
    return {outcome: serving["version"] for outcome in OUTCOMES if (serving := pointer(home, outcome)) is not None}


def _read(home: Path, outcomes: Mapping[str, str]) -> dict[str, Champion]:
    models = {outcome: model for outcome in outcomes if (model := champion(home, outcome)) is not None}
    return {
        outcome: Champion(model, model_document(model, champion_file(home, outcome, CARD)))
        for outcome, model in models.items()
    }


def model_document(model: Model, card: bytes | None) -> dict[str, Any]:
    """What a caller must know of a model: version, training window, `card`, every feature with its words and unit."""
    return {
        "outcome": model.outcome,
        "version": model.version,
        "horizon_days": model.horizon_days,
        "trained_until": model.until,
        "base_rate": model.base_rate,
        "calibration": asdict(model.line),
        "card": card.decode(errors="replace") if card else None,
        "features": [
            {
                "name": name,
                "family": FAMILY_OF[name],
                "label": CATALOGUE[name].label,
                "words": CATALOGUE[name].words,
                "unit": CATALOGUE[name].unit.value,
                "reason": CATALOGUE[name].reason.value,
                "categories": list(model.encoding.categories.get(name, ())) or None,
            }
            for name in model.encoding.features
        ],
    }
