"""An invented SaaS company that fills the source tables, with the true cause of every churn kept apart."""

from features.simulation.company import SimulationError, simulate
from features.simulation.truth import Truth

__all__ = ["SimulationError", "Truth", "simulate"]
