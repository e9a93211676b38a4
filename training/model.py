"""The fitted, calibrated answer for one outcome: predicts, and says what each feature added.

A calibration is a line in log-odds, so it stretches every contribution alike: contributions + base = the served
log-odds, exactly. Saved as text and JSON; nothing is pickled.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.feature import Reason
from features.odds import sigmoid
from training.booster import BoosterError, Params, fit_booster, log_odds_of, read_booster
from training.calibration import Floats, Line
from training.encoding import Encoding, Matrix, encoding
from training.horizons import AHEAD, RENEWAL, Start, asked, between, days_left, lessons, to_renewal
from training.standing import Standing, newest

if TYPE_CHECKING:
    from training.booster import Booster

BOOSTER, CARD = "booster.txt", "model.json"
SEGMENT = "segment"


class ModelError(ValueError):
    """A saved model that cannot be used, or data that cannot be learnt from."""


@dataclass(frozen=True)
class Answers:
    """What a model says of (rows,): `shares` (rows, features) and `base` in served log-odds at its own horizon, how far
    each reason's signals stand out (0 to 1), the served log-odds `ahead` at each horizon, and the probability
    `by_renewal`, at the end of the term (nan: none is spoken of).
    """

    shares: Floats
    base: Floats
    stands_out: Mapping[Reason, Floats]
    ahead: Mapping[int, Floats]
    by_renewal: Floats


@dataclass(frozen=True)
class Model:
    """A booster with its encoding, calibration and what a reader must know of it.

    `horizons` are the days ahead that it learnt; it answers for `horizon_days` unless asked for another of them.
    `spread` holds the 0th to 100th percentile of the probabilities it gave out of time, `growth` the median change
    of ARR (a share) among accounts to which the outcome happened, `typical` the median of each number it learnt from,
    `standing` where their signals usually lie.
    """

    outcome: str
    horizon_days: int
    horizons: tuple[int, ...]
    version: str
    until: str
    encoding: Encoding
    start: Start
    line: Line
    base_rate: float
    growth: float
    spread: tuple[float, ...]
    typical: Mapping[str, float]
    standing: Standing
    booster: "Booster"

    def predict(self, table: pd.DataFrame, horizon_days: int | None = None) -> Floats:
        """The probability per row of a snapshot, 0 to 1: of base + the row's contributions, summed in that order."""
        shares, base = self.contributions(self.encoding.matrix(table), horizon_days=horizon_days)
        return sigmoid(np.asarray(base + shares.sum(axis=1)))

    def answers(self, matrix: Matrix, threads: int = 2) -> Answers:
        """All that is served of each row of an encoded snapshot."""
        shares, base = self.contributions(matrix, threads)
        ahead = self.ahead(matrix, threads)
        return Answers(shares, base, self.stands_out(matrix), ahead, self.by_renewal(matrix, ahead, threads))

    def stands_out(self, matrix: Matrix) -> dict[Reason, Floats]:
        """(rows,) by reason: how far an encoded snapshot's signals lie on the side of the outcome (`Standing`)."""
        return self.standing.stands_out(self.encoding.features, matrix, self.outcome)

    def ahead(self, matrix: Matrix, threads: int = 2) -> dict[int, Floats]:
        """The served log-odds of each row of an encoded snapshot by horizon; they never fall as the horizon grows."""
        return {days: self._asked_at(matrix, days, threads) for days in self.horizons}

    def by_renewal(self, matrix: Matrix, ahead: Mapping[int, Floats], threads: int = 2) -> Floats:
        """The probability of each row by the end of its term, between those `ahead` of the horizons before and after
        it; nan where none ends within a year, or is known."""
        days = to_renewal(self.encoding, matrix)
        known = ~np.isnan(days)
        found = np.full(len(matrix), np.nan)
        if self.outcome == "churn" and known.any():
            raw = self._raw(asked(self.encoding, matrix[known], days[known]), threads)
            said = self.line.at_renewal(raw, self._segments(matrix[known]))
            found[known] = sigmoid(between({at: answer[known] for at, answer in ahead.items()}, days[known], said))
        return found

    def interval(self, log_odds: float, segment: object = None, horizon_days: int | None = None) -> tuple[float, float]:
        """`Line.interval` of log-odds served to an account whose stated segment this is, at one of `horizons`."""
        known = isinstance(segment, str) and segment in self.encoding.categories.get(SEGMENT, ())
        other = None if horizon_days == self.horizon_days else horizon_days
        return self.line.interval(log_odds, str(segment) if known else None, other)

    def _asked_at(self, matrix: Matrix, horizon_days: int, threads: int) -> Floats:
        raw = self._raw(asked(self.encoding, matrix, horizon_days), threads)
        return self.line.served(raw, self._segments(matrix), horizon_days)

    def _raw(self, asked_now: Matrix, threads: int) -> Floats:
        return log_odds_of(self.booster, self.start, asked_now, threads)

    def _segments(self, matrix: Matrix) -> "pd.Series | None":
        """The stated segment of each encoded row, where the calibration knows segments."""
        if not self.line.segments or SEGMENT not in self.encoding.categories:
            return None
        names = dict(enumerate(self.encoding.categories[SEGMENT]))
        return pd.Series(matrix[:, self.encoding.features.index(SEGMENT)]).map(names)

    def contributions(self, matrix: Matrix, threads: int = 2, horizon_days: int | None = None) -> tuple[Floats, Floats]:
        """(rows, features) shares in served log-odds (exact tree SHAP values), and the (rows,) base they are added to.

        `matrix` is the encoding's, of a snapshot or of single rows. What the horizon itself and the account's segment
        add to a row are part of its base; what the end of the term adds is told by the days to renewal.
        """
        count = len(self.encoding.features)
        if not len(matrix):
            return np.empty((0, count)), np.empty(0)
        segments = self._segments(matrix)
        days = horizon_days or self.horizon_days
        matrix = asked(self.encoding, matrix, days)
        shap = np.asarray(
            self.booster.predict(matrix, pred_contrib=True, num_threads=threads, validate_features=False),
            dtype=np.float64,
        )
        shap *= self.line.slope
        shares = shap[:, :count].copy()
        usual = self.start.usually(days)
        base = self.line.served(shap[:, -1] / self.line.slope + usual, segments, days)
        ended = days_left(self.encoding, matrix) <= days
        base += np.where(ended, 0.0, shap[:, count])
        told = np.where(ended, shap[:, count], 0.0) + shap[:, count + 1 : count + len(AHEAD)].sum(axis=1)
        told += self.line.slope * (self.start.log_odds(matrix[:, -len(AHEAD) :]) - usual)
        if RENEWAL in self.encoding.features:
            shares[:, self.encoding.features.index(RENEWAL)] += told
        else:
            base += told
        return shares, base

    def save(self, folder: Path) -> None:
        """Writes `booster.txt` and `model.json` into an existing folder."""
        text = self.booster.model_to_string()
        (folder / BOOSTER).write_text(text, encoding="utf-8")
        document = {
            "outcome": self.outcome,
            "horizon_days": self.horizon_days,
            "horizons": list(self.horizons),
            "version": self.version,
            "until": self.until,
            "features": list(self.encoding.features),
            "categories": {name: list(values) for name, values in self.encoding.categories.items()},
            "start": asdict(self.start),
            "line": asdict(self.line),
            "base_rate": self.base_rate,
            "growth": self.growth,
            "spread": list(self.spread),
            "typical": dict(self.typical),
            "standing": dict(self.standing.usual),
            "booster_sha256": _digest(text),
        }
        (folder / CARD).write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")


def load(folder: Path) -> Model:
    """The model saved in `folder`; `ModelError` if a file is absent, unreadable or not the one that was saved."""
    try:
        document = json.loads((folder / CARD).read_text(encoding="utf-8"))
        text = (folder / BOOSTER).read_text(encoding="utf-8")
        if _digest(text) != document["booster_sha256"]:
            raise ModelError(f"{folder / BOOSTER} is not the file that was saved (checksum differs); promote again")
        return Model(
            outcome=document["outcome"],
            horizon_days=document["horizon_days"],
            horizons=tuple(document["horizons"]),
            version=document["version"],
            until=document["until"],
            encoding=Encoding(
                tuple(document["features"]),
                {name: tuple(values) for name, values in document["categories"].items()},
            ),
            start=Start.read(document["start"]),
            line=Line.read(document["line"]),
            base_rate=document["base_rate"],
            growth=document["growth"],
            spread=tuple(document["spread"]),
            typical=document["typical"],
            standing=Standing.read(document["standing"]),
            booster=read_booster(text),
        )
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"the model in {folder} cannot be read: {error}; promote again") from error
    except (json.JSONDecodeError, BoosterError, AttributeError, KeyError, TypeError) as error:
        raise ModelError(f"the model in {folder} is corrupted ({error!r}); promote again") from error


def fit(
    table: pd.DataFrame,
    happened: Floats,
    params: Params,
    *,
    outcome: str,
    horizon_days: int,
    until: str,
    version: str = "unregistered",
    line: Line | None = None,
    spread: Floats | None = None,
    growth: float = 0.0,
    code: Encoding | None = None,
) -> Model:
    """A model learnt from a snapshot and 0/1 labels; `ModelError` if there is only one class."""
    if len(set(happened.tolist())) < 2:
        raise ModelError(f"{outcome}: all {len(happened)} rows have the same label; nothing can be learnt")
    code = code or encoding(table)
    if not code.features:
        raise ModelError(f"{outcome}: every feature is null or constant; nothing can be learnt")
    learnt = lessons(code, table, happened, outcome, horizon_days)
    booster = fit_booster(learnt, outcome, params, code)
    quantiles = np.quantile(spread, np.linspace(0, 1, 101)) if spread is not None and len(spread) else np.zeros(101)
    model = Model(
        outcome=outcome,
        horizon_days=horizon_days,
        horizons=learnt.horizons,
        version=version,
        until=until,
        encoding=code,
        start=learnt.start,
        line=line or Line(),
        base_rate=float(happened.mean()),
        growth=growth,
        spread=tuple(float(value) for value in quantiles),
        typical={
            name: float(table[name].median())
            for name in code.features
            if name not in code.categories and table[name].notna().any()
        },
        standing=Standing({}),
        booster=booster,
    )
    latest = code.matrix(newest(table))
    shares, _ = model.contributions(latest)
    return replace(model, standing=Standing.learnt(code.features, latest, shares))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
