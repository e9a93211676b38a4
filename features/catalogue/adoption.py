"""How wide and deep use goes, where it is heading, and on how few people it rests."""

from ibis import _

from features.catalogue.usage import NAMED
from features.feature import Feature, Healthy, Reason, Unit
from features.measure import (
    between,
    change,
    count,
    distinct,
    either,
    last,
    named,
    of,
    only_if,
    peak,
    settled,
    slope,
    surprise,
    total,
)

_NAME = _.feature.lower()
_INTEGRATION = (
    _NAME.contains("integration") | _NAME.contains("webhook") | _NAME.contains("connector") | _NAME.startswith("api")
)

_NAMES = named(_.feature, last(28), NAMED) > -1
"""Whether it is known which features were used."""

STOPPED = between(28, 112)
"""A feature stopped that was used in this window, and not since."""

_WITH_A_SEASON = 448 + 90
"""Paid days from which on the weeks a year ago speak of a season, not of an account that was still finding its feet."""

FEATURES = (
    Feature(
        name="features_28d",
        source="usage",
        measure=named(_.feature, last(28), NAMED),
        label="Features used in four weeks",
        words="{features_28d} {features_28d:feature was|different features were} used in the last four weeks",
        unit=Unit.COUNT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="features_84d_before",
        source="usage",
        measure=named(_.feature, between(28, 112), NAMED),
        label="Features used in the twelve weeks before",
        words="{features_84d_before} {features_84d_before:feature was|different features were} used in the twelve "
        "weeks before",
        unit=Unit.COUNT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="features_dropped",
        source="usage",
        measure=named(_.feature, NAMED) - either(distinct(_.feature, last(28)), 0),
        label="Features no longer used",
        words="{features_dropped} {features_dropped:feature|features} in use in the 12 weeks before the last four "
        "{features_dropped:was|were} not used in those",
        unit=Unit.COUNT,
        healthy=Healthy.LOW,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="breadth_28d",
        source="usage",
        measure=only_if(_NAMES, either(distinct(_.feature, last(28), where=_.entitled), 0)) / of("entitled_features"),
        label="Share of entitled features used",
        words="{breadth_28d} of the features paid for were used in the last four weeks",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="critical_events_28d",
        source="usage",
        measure=only_if(_NAMES, either(total(_.quantity, last(28), where=_.critical), 0)),
        label="Use of value-bearing features in four weeks",
        words="The features that bear the value were used {critical_events_28d} {critical_events_28d:time|times} "
        "in four weeks",
        unit=Unit.COUNT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="critical_events_84d_before",
        source="usage",
        measure=only_if(
            named(_.feature, between(28, 112), NAMED) > -1,
            either(total(_.quantity, between(28, 112), where=_.critical), 0) / 3,
        ),
        label="Use of value-bearing features per four weeks, in the twelve weeks before",
        words="The features that bear the value were used {critical_events_84d_before} "
        "{critical_events_84d_before:time|times} per four weeks before",
        unit=Unit.COUNT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="critical_events_change_16w",
        source="usage",
        measure=settled(112, change(of("critical_events_28d"), of("critical_events_84d_before"))),
        label="Use of value-bearing features, change against the account's own twelve weeks before",
        words="Use of the features that bear the value {critical_events_change_16w:fell #|rose #|stayed the same}, "
        "{critical_events_change_16w:{critical_events_84d_before} to|{critical_events_84d_before} to|at} "
        "{critical_events_28d} in four weeks",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="critical_share_28d",
        source="usage",
        measure=of("critical_events_28d") / of("events_28d"),
        label="Share of use that bears value",
        words="{critical_share_28d} of all use was of features that bear the value",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="critical_features_stopped",
        source="usage",
        measure=only_if(
            _NAMES,
            either(
                distinct(_.feature, last(STOPPED.until), where=_.critical)
                - distinct(_.feature, last(STOPPED.after), where=_.critical),
                0,
            ),
        ),
        label="Value-bearing features no longer used",
        words="{critical_features_stopped} of the features that bear the value "
        "{critical_features_stopped:is|are} no longer used",
        unit=Unit.COUNT,
        healthy=Healthy.LOW,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="arr_per_critical_event",
        source="usage",
        measure=of("arr") / (of("critical_events_84d_before") * 3 + of("critical_events_28d")),
        label="ARR per use of a value-bearing feature in 16 weeks",
        words="Their ARR comes to {arr_per_critical_event} for each use of a value-bearing feature in 16 weeks",
        unit=Unit.MONEY,
        healthy=Healthy.LOW,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="arr_per_event",
        source="usage",
        measure=of("arr") / (of("events_84d_before") * 3 + of("events_28d")),
        label="ARR per product event in 16 weeks",
        words="Their ARR comes to {arr_per_event} for each product event of the last 16 weeks",
        unit=Unit.MONEY,
        healthy=Healthy.LOW,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="usage_rows_28d",
        source="usage",
        measure=count(last(28)),
        label="Usage records in four weeks",
        words="{usage_rows_28d} usage {usage_rows_28d:record|records} arrived for the last four weeks",
        unit=Unit.COUNT,
        healthy=Healthy.NONE,
        reason=Reason.CONTEXT,
        empty=0,
    ),
    Feature(
        name="events_slope_12w",
        source="usage",
        measure=settled(84, slope(_.quantity, weeks=12)),
        label="Trend of use over twelve weeks, per week",
        words="Use {events_slope_12w:fell # a week|rose # a week|stayed the same} over the last twelve weeks",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="events_90d",
        source="usage",
        measure=total(_.quantity, last(90)),
        label="Product events in 90 days",
        words="{events_90d} product {events_90d:event|events} in 90 days",
        unit=Unit.COUNT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=0,
    ),
    Feature(
        name="events_change_1y",
        source="usage",
        measure=settled(392, change(of("events_28d"), total(_.quantity, between(364, 392)))),
        label="Product events, change on the same four weeks a year ago",
        words="Use of the product {events_change_1y:fell # on|rose # on|equalled that of} the same four weeks a year "
        "ago",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="events_off_season",
        source="usage",
        measure=settled(
            _WITH_A_SEASON,
            change(
                of("events_28d") / total(_.quantity, between(28, 84)),
                total(_.quantity, between(364, 392)) / total(_.quantity, between(392, 448)),
            ),
        ),
        label="Product events in four weeks, against what the season a year ago lets expect",
        words="Use in the last four weeks {events_off_season:lay # below|lay # above|was} what the eight weeks before "
        "and this season a year ago let expect",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="integration_share_28d",
        source="usage",
        measure=only_if(_NAMES, total(_.quantity, last(28), where=_INTEGRATION)) / of("events_28d"),
        label="Share of use that comes through integrations, webhooks, connectors or the API",
        words="{integration_share_28d} of all use came through integrations or the API in four weeks",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="events_change_90d",
        source="usage",
        measure=settled(180, change(of("events_90d"), total(_.quantity, between(90, 180)))),
        label="Product events, change on the 90 days before",
        words="Use of the product in 90 days {events_change_90d:fell # on|rose # on|equalled that of} the 90 days "
        "before",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="events_surprise_8w",
        source="usage",
        measure=settled(63, surprise(_.quantity, weeks=8)),
        label="Use in the last week, in standard deviations from the eight weeks before",
        words="Use in the last week lay {events_surprise_8w:# below|# above|level with} the eight weeks before, in "
        "standard deviations",
        unit=Unit.SCORE,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="usage_plateau",
        source="usage",
        measure=(of("events_slope_12w") > -0.01)
        * (of("events_slope_12w") < 0.01)
        * (either(of("seat_use"), of("breadth_28d")) < 0.5),
        label="Plateau: twelve weeks within 1\N{NO-BREAK SPACE}% a week of flat, with under half of the seats (or "
        "features) in use",
        words="{usage_plateau:Use has|No sign that use has} stood still for twelve weeks with under half of what they "
        "pay for in use",
        unit=Unit.FLAG,
        healthy=Healthy.LOW,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="busiest_user_share_28d",
        source="usage",
        measure=peak(_.user_id, _.quantity, last(28)) / of("events_28d"),
        label="Share of the busiest user in four weeks' use",
        words="One person accounts for {busiest_user_share_28d} of all use in the last four weeks",
        unit=Unit.PERCENT,
        healthy=Healthy.LOW,
        reason=Reason.CHAMPION_TURNOVER,
        empty=None,
    ),
    Feature(
        name="users_lost_28d",
        source="usage",
        measure=(distinct(_.user_id, last(112)) - distinct(_.user_id, last(28)))
        / distinct(_.user_id, between(28, 112)),
        label="Share of earlier users who stayed away for four weeks",
        words="{users_lost_28d} of those who used the product in the twelve weeks before did not come in the last four",
        unit=Unit.PERCENT,
        healthy=Healthy.LOW,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="critical_breadth_28d",
        source="usage",
        measure=only_if(_NAMES, either(distinct(_.feature, last(28), where=_.critical), 0)) / of("critical_features"),
        label="Share of the value-bearing features in use",
        words="{critical_breadth_28d} of the features that bear the value were used in the last four weeks",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
)
