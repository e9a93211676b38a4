"""The pages that a person reads: the book of accounts, and one account. Rendered here, whole, without a script."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import accumulate
from math import log
from pathlib import Path
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from features.catalogue import CATALOGUE, FAMILY_OF
from features.feature import Reason, Unit, spoken
from features.odds import sigmoid
from features.segments import SIZES
from serving.brief import Brief
from serving.drivers import acted_on
from serving.playbooks import OUTCOMES, TIERS, Playbook, Playbooks
from serving.score import Driver, Score
from serving.shelf import Shelf
from training.outcomes import outcome_named
from training.standing import named

HERE = Path(__file__).parent
SORTS = {"arr_at_stake": "ARR at stake", "probability": "Probability", "renewal": "Renewal date"}
PAGE_SIZE, PAGE_LIMIT = 25, 200
LIMITS = tuple(str(number) for number in range(1, PAGE_LIMIT + 1))
LITTLE_DATA = 0.5  # below this share of signal families with data, a score is flagged: silence is not health
BELOW = (*(Fraction(1, n) for n in (100, 70, 50, 40, 30, 20, 15, 10, 7, 5, 4, 3)), Fraction(2, 5))
FRACTIONS = (*BELOW, Fraction(1, 2), Fraction(3, 5), *(1 - Fraction(1, n) for n in (3, 4, 5, 10, 20)))
BARELY = 0.1  # log-odds
STALE_DAYS = 7  # the riskiest accounts are to be scored weekly
SPARK_WIDTH, SPARK_HEIGHT = 320, 64
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Spark:
    """A score's past as a line, in the drawing's own units from its upper left."""

    scores: tuple[Score, ...]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Advice:
    """A playbook for an account, and what it answers, in words: "against churn: product issue"."""

    playbook: Playbook
    answers: tuple[str, ...]


def money(amount: float) -> str:
    """ARR in full, without a currency: the warehouse does not name one."""
    return f"{amount:,.0f}"


def short_money(amount: float) -> str:
    """ARR for a headline: 38.1 million, 412 thousand, 940."""
    for size, word in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if abs(amount) >= size * 0.9995:
            number = amount / size
            return f"{number:,.0f} {word}" if size == 1e3 or abs(number) >= 99.95 else f"{number:,.1f} {word}"
    return f"{amount:,.0f}"


def percent(share: float) -> str:
    """A share in percent, said as in the sentences: 8.2 %, 67 %; a chance that is not nothing is not said as 0."""
    return f"under {spoken(0.001, Unit.PERCENT)}" if 0 < share < 0.0005 else spoken(share, Unit.PERCENT)


def odds(probability: float) -> str:
    """A probability as people say it: the nearest of a few fractions in log-odds."""
    if probability < 0.0075:
        return "less than 1 in 100"
    if probability > 0.9925:
        return "nearly all"
    nearest = min(FRACTIONS, key=lambda fraction: abs(_logit(float(fraction)) - _logit(probability)))
    return f"about {nearest.numerator} in {nearest.denominator}"


def strength(share: float) -> str:
    """A share in log-odds as a verb: under 0.1 the odds move by a tenth at most, from 0.8 they more than double."""
    size = abs(share)
    degree = "barely" if size < BARELY else "slightly" if size < 0.3 else "clearly" if size < 0.8 else "strongly"
    return f"{degree} {'lowers' if share < 0 else 'raises'}"


def renewal(brief: Brief) -> str:
    """When the running term ends, in words; without an end it runs on by itself."""
    days = brief.days_to_renewal
    return "no renewal date" if days is None else f"renews {calendar_day(brief.as_of + timedelta(days))}"


def age(days: int) -> str:
    """How old a date is: today, yesterday, 12 days ago."""
    if days <= 1:
        return {1: "yesterday", 0: "today"}.get(days, f"{-days:,} day{'s' * (days != -1)} ahead")
    return f"{days:,} days ago"


def calendar_day(day: date) -> str:
    """A date that reads the same on both sides of the Atlantic: 3 March 2025."""
    return f"{day.day} {day:%B} {day.year}"


def account_url(account_id: str) -> str:
    """The account's page; an id may hold slashes, quotes, spaces and emoji."""
    return f"/accounts/{quote(account_id, safe='')}"


def first_reason(score: Score) -> Driver | None:
    """The driver to act on that stands out most; where there is none, whatever else is known to make it likelier."""
    others = [driver for driver in score.drivers if driver.share > 0 and driver.stands_out > 0]
    return next(iter(acted_on(score.drivers, score.outcome) or others), None)


def as_read(score: Score) -> list[Driver]:
    """The drivers as they are read: the first reason, as the book tells it, then the others by their share."""
    first = first_reason(score)
    return sorted(score.drivers, key=lambda driver: (driver != first, -driver.share))


def additions(score: Score) -> list[tuple[Driver, float]]:
    """Each driver with the probability once it is added to the base and those before it; the last is the score's."""
    totals = list(accumulate((driver.share for driver in score.drivers), initial=score.base))
    return [(driver, chance(total)) for driver, total in zip(score.drivers, totals[1:], strict=True)]


def chance(log_odds: float) -> float:
    """The probability of log-odds."""
    return float(sigmoid(log_odds))


def spark(scores: Sequence[Score], outcome: str) -> Spark | None:
    """The line of one outcome's past scores, or None where fewer than two make no line."""
    past = tuple(score for score in scores if score.outcome == outcome)
    if len(past) < 2:
        return None
    first, days = past[0].as_of, max((past[-1].as_of - past[0].as_of).days, 1)
    top = min(1.0, max(0.1, max(score.probability for score in past) * 1.15))
    points = tuple(
        ((score.as_of - first).days / days * SPARK_WIDTH, SPARK_HEIGHT * (1 - score.probability / top))
        for score in past
    )
    return Spark(past, tuple((round(x, 1), round(y, 1)) for x, y in points))


def advice(brief: Brief, playbooks: Playbooks) -> tuple[Advice, ...]:
    """Each recommended playbook once, churn's first, what answers a low tier last.

    A score of record may name a playbook that the file has since dropped; it is left out.
    """
    scores = sorted(brief.scores, key=lambda score: (score.tier == "low", OUTCOMES.index(score.outcome)))
    ids = dict.fromkeys(id for score in scores for id in score.playbooks if id in playbooks)
    return tuple(
        Advice(playbooks[id], tuple(_answers(playbooks[id], score) for score in scores if id in score.playbooks))
        for id in ids
    )


def _answers(playbook: Playbook, score: Score) -> str:
    """What a playbook answers of a score: the outcome, and the first of its reasons."""
    told = f"{'against' if outcome_named(score.outcome).bad else 'for'} {score.outcome}"
    why = next((one for one in acted_on(score.drivers, score.outcome) if one.reason in playbook.reasons), None)
    return told if why is None else f"{told}: {named(why.reason, why.share, score.outcome).lower()}"


def unscored(account_id: str, shelf: Shelf) -> str:
    """Why an account has no score."""
    run = shelf.run()
    if run is not None and account_id in run.noticed:
        return f"“{account_id}” has given notice: its leaving is no forecast, and it gets no score."
    return f"No account “{account_id}” has a score. Check the id, or find the account in the book."


def spoken_name(name: str) -> str:
    """A size, stage, motion or family as people say it."""
    return {"smb": "small business", "mid_market": "mid-market"}.get(name, name.replace("_", " "))


def feature_label(name: str) -> str:
    """What a feature of the catalogue is called."""
    return CATALOGUE[name].label


def _logit(probability: float) -> float:
    return log(probability / (1 - probability))


_TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_SAID = (
    money,
    short_money,
    percent,
    odds,
    strength,
    renewal,
    age,
    calendar_day,
    account_url,
    first_reason,
    as_read,
    additions,
)
_TEMPLATES.filters |= {function.__name__: function for function in (*_SAID, chance, named, spoken_name, feature_label)}
_TEMPLATES.globals |= {
    "little_data": LITTLE_DATA,
    "stale_days": STALE_DAYS,
    "context": Reason.CONTEXT,
    "barely": BARELY,
}
_TEMPLATES.globals |= {"sizes": SIZES, "tiers": TIERS, "outcomes": OUTCOMES, "sorts": SORTS}
_TEMPLATES.globals |= {"width": SPARK_WIDTH, "height": SPARK_HEIGHT}
_FILES = StaticFiles(directory=HERE / "static")


def _page(template: str, code: int = 200, **content: object) -> HTMLResponse:
    return HTMLResponse(_TEMPLATES.get_template(template).render(**content), code, HEADERS)


def key_page(message: str) -> HTMLResponse:
    """Asks for the access key; the form posts `key` to `/key`."""
    return _page("key.html", 401, message=message)


def error_page(status: int, title: str, message: str) -> HTMLResponse:
    """An answer other than the page asked for, in words: what was expected, what was found, what to do."""
    return _page("error.html", status, status=status, title=title, message=message)


def page_routes(
    shelf: Shelf, playbooks: Playbooks, today: Callable[[], date] = lambda: datetime.now(UTC).date()
) -> list[BaseRoute]:
    """The routes of the pages and their style sheet; access is the service's to check."""

    def book(request: Request) -> HTMLResponse:
        asked = {name: value for name, value in request.query_params.items() if value}
        allowed = {"segment": SIZES, "tier": TIERS, "outcome": OUTCOMES, "sort": SORTS, "limit": LIMITS}
        for name, choices in allowed.items():
            if name in asked and asked[name] not in choices:
                choice = f"one of {', '.join(choices)}" if name != "limit" else f"a number from 1 to {PAGE_LIMIT}"
                message = f"Expected {name} to be {choice}; found “{asked[name]}”."
                return error_page(422, "These filters make no sense", message)
        outcome, sort = asked.get("outcome", "churn"), asked.get("sort", "arr_at_stake")
        narrowed = {name: asked.get(name) for name in ("owner", "segment", "tier", "cursor")}
        found = shelf.book(**narrowed, outcome=outcome, sort=sort, limit=int(asked.get("limit", PAGE_SIZE)))
        kept = {name: value for name, value in asked.items() if name in (*allowed, "owner")}
        return _page(
            "book.html",
            book=found,
            asked=narrowed | {"outcome": outcome, "sort": sort, "limit": asked.get("limit")},
            filtered=any(narrowed.values()),
            playbooks=playbooks,
            days_old=(today() - found.as_of).days if found.as_of else None,
            next_url="/?" + urlencode(kept | {"cursor": found.next_cursor}) if found.next_cursor else None,
        )

    def account(request: Request) -> HTMLResponse:
        account_id: str = request.path_params["account_id"]
        brief = shelf.brief(account_id)
        if brief is None:
            return error_page(404, "This account is not here", unscored(account_id, shelf))
        past = shelf.history(account_id)
        names = dict.fromkeys(row.family for row in brief.evidence)
        return _page(
            "account.html",
            brief=brief,
            sparks={outcome: spark(past, outcome) for outcome in OUTCOMES},
            usual={outcome: shelf.usual(outcome) for outcome in OUTCOMES},
            advice=advice(brief, playbooks),
            notes={name: [note for note in brief.notes if FAMILY_OF.get(note.feature) == name] for name in names},
            families={name: [row for row in brief.evidence if row.family == name] for name in names},
            days_old=(today() - brief.as_of).days,
        )

    return [
        Route("/", book, name="book"),
        Route("/accounts/{account_id:path}", account, name="account"),
        Mount("/static", _static, name="static"),
    ]


async def _static(scope: Scope, receive: Receive, send: Send) -> None:
    """The style sheet and the icon, always whole: what a header asks in part is refused in words of its own."""
    headers = [pair for pair in scope["headers"] if pair[0] != b"range"]
    await _FILES({**scope, "headers": headers}, receive, send)
