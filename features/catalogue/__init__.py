"""The catalogue: every feature of a snapshot, declared once, in a file or two a signal family."""

from collections.abc import Mapping

from features.catalogue import (
    adoption,
    billing,
    commercial,
    growth,
    history,
    intents,
    onboarding,
    relationship,
    sentiment,
    support,
    usage,
)
from features.feature import Feature, Unit

FAMILIES: Mapping[str, tuple[Feature, ...]] = {
    "usage": usage.FEATURES + adoption.FEATURES,
    "onboarding": onboarding.FEATURES,
    "support": support.FEATURES,
    "sentiment": sentiment.FEATURES + intents.FEATURES,
    "relationship": relationship.FEATURES,
    "commercial": commercial.FEATURES + history.FEATURES + billing.FEATURES,
    "growth": growth.FEATURES,
}

CATALOGUE: Mapping[str, Feature] = {feature.name: feature for rows in FAMILIES.values() for feature in rows}
"""Every feature by name, in the order of a snapshot's columns."""

UNITS: Mapping[str, Unit] = {name: feature.unit for name, feature in CATALOGUE.items()}

READ = frozenset(feature.source for feature in CATALOGUE.values())
"""The sources that features read; what no feature reads can neither be missed nor leak."""

FAMILY_OF: Mapping[str, str] = {feature.name: family for family, rows in FAMILIES.items() for feature in rows}
