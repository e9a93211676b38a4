"""Where use is heading, how deep it goes, and on how few people it rests."""

from ibis import _

from features.feature import Feature, Healthy, Reason, Unit
from features.measure import between, change, distinct, either, last, of, peak, slope, surprise, total

_INTEGRATION = _.feature.lower()
_INTEGRATION = (
    _INTEGRATION.contains("integration")
    | _INTEGRATION.contains("webhook")
    | _INTEGRATION.contains("connector")
    | _INTEGRATION.startswith("api")
)

FEATURES = (
    Feature(
        name="events_slope_12w",
        source="usage",
        measure=slope(_.quantity, weeks=12),
        label="Trend of use over twelve weeks, per week",
        words="Use {events_slope_12w:fell|rose|moved} by {events_slope_12w:abs} a week over the last twelve weeks",
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
        words="{events_90d} product events in 90 days",
        unit=Unit.COUNT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=0,
    ),
    Feature(
        name="events_change_1y",
        source="usage",
        measure=change(of("events_28d"), total(_.quantity, between(364, 392))),
        label="Product events, change on the same four weeks a year ago",
        words="Use of the product {events_change_1y:fell|rose|moved} {events_change_1y:abs} on the same four weeks a "
        "year ago",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="integration_share_28d",
        source="usage",
        measure=total(_.quantity, last(28), where=_INTEGRATION) / of("events_28d"),
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
        measure=change(of("events_90d"), total(_.quantity, between(90, 180))),
        label="Product events, change on the 90 days before",
        words="Use of the product in 90 days {events_change_90d:fell|rose|moved} {events_change_90d:abs} on the 90 "
        "days before",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
    Feature(
        name="events_surprise_8w",
        source="usage",
        measure=surprise(_.quantity, weeks=8),
        label="Use in the last week, in standard deviations from the eight weeks before",
        words="Use in the last week lay {events_surprise_8w:abs} standard deviations "
        "{events_surprise_8w:below|above} the eight weeks before",
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
        label="Plateau: twelve weeks within 1 % a week of flat, with under half of the seats (or features) in use",
        words="Use has stood still for twelve weeks with under half of what they pay for in use: {usage_plateau}",
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
        measure=either(distinct(_.feature, last(28), where=_.critical), 0) / of("critical_features"),
        label="Share of the value-bearing features in use",
        words="{critical_breadth_28d} of the features that bear the value were used in the last four weeks",
        unit=Unit.PERCENT,
        healthy=Healthy.HIGH,
        reason=Reason.VALUE_GAP,
        empty=None,
    ),
)
