"""From log-odds to the probability that they stand for: the one logistic function of simulation, models and pages."""

from typing import Any

import numpy as np

FARTHEST = 700.0
"""Log-odds beyond are read as these: the exponential of more is not finite, and a probability there is 0 or 1."""


def sigmoid(log_odds: Any) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """The logistic function 1 / (1 + exp(-x)), of one number or of many."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -FARTHEST, FARTHEST))))
