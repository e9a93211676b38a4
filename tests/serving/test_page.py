"""The pages say who needs a person, why and what to do; they work without a script and survive hostile names."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import cast

import pytest
from httpx import ASGITransport, AsyncClient
from httpx import Response as Answer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from features.feature import Reason
from features.milestones import Milestone
from features.notes import Note
from features.segments import Segment
from serving import page
from serving.book import Book, Totals
from serving.brief import Brief, Evidence
from serving.page import error_page, key_page, odds, page_routes, short_money, strength
from serving.playbooks import TIERS, load_playbooks
from serving.score import Ahead, Driver, Score
from serving.scoring import value_first
from serving.shelf import Shelf

TODAY = date(2025, 3, 5)
AS_OF = date(2025, 3, 3)
PLAYBOOKS = load_playbooks()

WORDS = {
    Reason.VALUE_GAP: "Weekly active users fell 46 % in four weeks, 61 to 33",
    Reason.CHAMPION_TURNOVER: "The sponsor left 19 days ago and nobody has taken over",
    Reason.PRODUCT_ISSUE: "3 tickets are open, the oldest for 24 days",
    Reason.BUDGET_PRESSURE: "An invoice was paid 31 days late",
    Reason.COMPLIANCE_SECURITY: "A security review has been open for 40 days",
    Reason.ROOM_TO_GROW: "96 % of the contracted seats were active last month",
    Reason.CONTEXT: "Account for 412 days, renewal in 41 days",
}
VALUE, CHAMPION, ISSUE = Reason.VALUE_GAP, Reason.CHAMPION_TURNOVER, Reason.PRODUCT_ISSUE
BUDGET, SECURITY, ROOM, CONTEXT = (
    Reason.BUDGET_PRESSURE,
    Reason.COMPLIANCE_SECURITY,
    Reason.ROOM_TO_GROW,
    Reason.CONTEXT,
)
LARGE = Segment("enterprise", "high", "high_touch", "maturity")
MIDDLE = Segment("mid_market", "medium", "pooled", "adoption")
SMALL = Segment("smb", "low", "tech_touch", "onboarding")
LONG = "The Very Honourable Company of Interdepartmental Reconciliation and Longitudinal Forecasting Services " * 2


def score(id: str, outcome: str, tier: str, arr: float, segment: Segment, shares: dict[Reason, float]) -> Score:
    """A score whose probability is what its base and shares add up to."""
    base = {"churn": -2.4, "contraction": -2.9, "expansion": -2.1}[outcome]
    probability = page.chance(base + sum(shares.values()))
    ranked = sorted(shares.items(), key=lambda item: -abs(item[1]))
    drivers = tuple(Driver(reason, WORDS[reason], share, ("feature",), share) for reason, share in ranked)
    matched = [PLAYBOOKS.match(driver.reason, segment, outcome, tier) for driver in drivers if driver.share > 0]
    ids = tuple(dict.fromkeys(row.id for rows in matched[:2] for row in rows[:2]))
    stake = arr * probability
    told = (id, AS_OF, outcome, 90, probability, tier, arr, stake, 1.0, f"{outcome}-12", base, drivers, ids)
    return Score(
        *told,
        low=probability * 0.8,
        high=probability,
        ahead={90: Ahead(probability, probability * 0.8, probability)},
        by_renewal=None,
    )


def brief(id: str, name: str, owner: str, segment: Segment, arr: float, days: int | None, *scores: Score) -> Brief:
    churn = next((one for one in scores if one.outcome == "churn"), None)
    health = None if churn is None else round(100 * (1 - churn.probability))
    return Brief(id, name, owner, AS_OF, segment, arr, days, health, 1.0, (), scores, EVIDENCE)


EVIDENCE = tuple(
    Evidence(family, label.lower().replace(" ", "_"), label, value, f"{label}: {value}")
    for family, rows in {
        "usage": {"Weekly active users": "33", "Weekly active users, change in four weeks": "-46 %"},
        "onboarding": {"Setup completed": "100 %", "Days to first value": "21 days", "Single sign-on enabled": "yes"},
        "support": {"Open tickets": "3", "Oldest open ticket": "24 days", "Severe tickets in 28 days": "1"},
        "sentiment": {"Last NPS": "unknown", "Survey response rate": "unknown", "Tone of tickets": "-0.4"},
        "relationship": {"Engaged contacts": "2", "Days since sponsor contact": "67 days", "Roles covered": "33 %"},
        "commercial": {"ARR": "318,000", "Late invoices in 180 days": "1", "Renewal": "in 41 days"},
        "growth": {"Seats used": "54 %", "New teams in 90 days": "0", "Entitled features used": "31 %"},
    }.items()
    for label, value in rows.items()
)


def accounts() -> tuple[Brief, ...]:
    """A book with every kind of trouble in it, hostile names among them."""
    north = {VALUE: 1.9, CHAMPION: 1.1, CONTEXT: 0.35, ISSUE: 0.28, BUDGET: -0.06, ROOM: -0.4}
    grow = {ROOM: 1.6, VALUE: 0.7, ISSUE: -0.2, CONTEXT: 0.05}
    harbour = value_first(brief(
        "AC-1042", "Harbourline Logistics", "Dana Whitfield", LARGE, 318_000, 41,
        score("AC-1042", "churn", "high", 318_000, LARGE, north),
        score("AC-1042", "contraction", "medium", 318_000, LARGE, {VALUE: 1.1, BUDGET: 0.4, CONTEXT: -0.2}),
        score("AC-1042", "expansion", "high", 318_000, LARGE, grow),
    ), {})  # fmt: skip
    fern = value_first(brief(
        "AC-2210", "Fernhill Diagnostics", "Marek Osei", MIDDLE, 86_400, 12,
        score("AC-2210", "churn", "high", 86_400, MIDDLE, {BUDGET: 1.8, VALUE: 0.9, CHAMPION: -0.3}),
        score("AC-2210", "expansion", "low", 86_400, MIDDLE, {ROOM: -1.2}),
    ), {})  # fmt: skip
    hostile = brief(
        "<script>alert(1)</script>", '<script>alert("x")</script>', '"><img src=x onerror=alert(1)>', MIDDLE, 51_000, 2,
        score("<script>alert(1)</script>", "churn", "medium", 51_000, MIDDLE, {SECURITY: 1.2, ROOM: -0.4}),
    )  # fmt: skip
    quiet = replace(
        brief("ümlaut/🦊 & 'quotes' \"#?%", "Vossberg & Töchter 🦊", "", SMALL, 9_600, None,
              score("ümlaut/🦊 & 'quotes' \"#?%", "churn", "medium", 9_600, SMALL, {ISSUE: 1.4})),
        coverage=2 / 7, blind=("support", "sentiment", "relationship", "growth", "onboarding"),
        evidence=tuple(row for row in EVIDENCE if row.family == "usage"),
    )  # fmt: skip
    steps = (
        Milestone("sso_enabled", AS_OF, AS_OF - timedelta(days=40)),
        Milestone("<b>data</b>", AS_OF - timedelta(days=9), None),
        Milestone("first_automation", AS_OF + timedelta(days=9), None),
        Milestone("users_active", None, None),
    )
    lengthy = brief(
        "AC-3", LONG, "Dana Whitfield", LARGE, 1_240_000, 204,
        score("AC-3", "churn", "low", 1_240_000, LARGE, {VALUE: -0.9, CONTEXT: 0.02}),
    )  # fmt: skip
    unscored = brief("AC-4", "Pebble Analytics", "Marek Osei", SMALL, 4_800, 3)
    bare = replace(
        brief("AC-5", "Juniper Works", "Ines Baptista", replace(SMALL, stage_days=71), 12_000, 1,
              replace(score("AC-5", "churn", "low", 12_000, SMALL, {}), playbooks=("dropped_long_ago",))),
        milestones=steps, notes=(Note("pulse_last", "2", "<i>Ines</i>", AS_OF), Note("pulse_last", "3", None, AS_OF)),
    )  # fmt: skip
    return harbour, fern, hostile, quiet, lengthy, unscored, bare


@dataclass
class Noticed:
    """A run in which one account had given notice."""

    noticed: tuple[str, ...] = ("AC-9",)


@dataclass
class Samples:
    """A shelf of invented accounts, filtered and paged like a real one; `asked` keeps what the page asked for."""

    briefs: tuple[Brief, ...] = ()
    as_of: date | None = AS_OF
    asked: dict[str, object] | None = None

    def book(
        self,
        *,
        owner: str | None,
        segment: str | None,
        tier: str | None,
        outcome: str,
        sort: str,
        limit: int,
        cursor: str | None,
    ) -> Book:
        self.asked = {"owner": owner, "segment": segment, "tier": tier, "sort": sort, "limit": limit}
        fitting = [
            one
            for one in self.briefs
            if (owner is None or one.owner == owner)
            and (segment is None or one.segment.size == segment)
            and (tier is None or any(found.tier == tier for found in one.scores if found.outcome == outcome))
        ]
        start = int(cursor or 0)
        found = [found for one in fitting for found in one.scores]
        tiers = {name: sum(one.tier == name for one in found if one.outcome == outcome) for name in TIERS}
        risk, growth, less = (
            sum(one.arr_at_stake for one in found if one.outcome == name)
            for name in ("churn", "expansion", "contraction")
        )
        served = () if self.as_of is None else ("churn", "expansion")
        return Book(
            self.as_of,
            tuple(fitting[start : start + limit]) if outcome in served else (),
            Totals(len(fitting), sum(one.arr for one in fitting), risk, growth, less, tiers),
            tuple(sorted({one.owner for one in self.briefs if one.owner})),
            served,
            {"contraction": "31 contractions are known and at least 50 are needed to learn from."},
            str(start + limit) if start + limit < len(fitting) else None,
            1,
            43_430.0,
        )

    def run(self) -> Noticed:
        return Noticed()

    def brief(self, account_id: str) -> Brief | None:
        return next((one for one in self.briefs if one.account_id == account_id), None)

    def usual(self, outcome: str) -> float | None:
        return {"churn": 0.031, "expansion": 0.0502}.get(outcome)

    def history(self, account_id: str) -> Sequence[Score]:
        found = self.brief(account_id)
        churn = found.score("churn") if found else None
        if churn is None or account_id != "AC-1042":
            return () if churn is None else (churn,)
        past = (0.09, 0.08, 0.11, 0.10, 0.16, 0.14, 0.27, 0.41)
        earlier = [
            replace(churn, as_of=AS_OF - timedelta(weeks=len(past) - week), probability=value)
            for week, value in enumerate(past)
        ]
        return (*earlier, churn)


def application(shelf: Samples) -> Starlette:
    async def ask(request: Request) -> Response:
        return (
            key_page("This page needs your access key.") if request.url.path == "/key" else error_page(403, "No", "x")
        )

    return Starlette(
        routes=[*page_routes(cast(Shelf, shelf), PLAYBOOKS, lambda: TODAY), Route("/key", ask), Route("/no", ask)]
    )


@pytest.fixture
def shelf() -> Samples:
    return Samples(accounts())


@pytest.fixture
def get(shelf: Samples) -> Callable[[str], Answer]:
    return lambda url: fetched(application(shelf), url)


def fetched(app: Starlette, url: str) -> Answer:
    async def ask() -> Answer:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://tenure.test") as client:
            return await client.get(url)

    return asyncio.run(ask())


HOSTILE = accounts()[2]
QUIET = accounts()[3]
URLS: tuple[str, ...] = (
    "/",
    "/?outcome=contraction",
    "/?tier=low&owner=Nobody",
    "/accounts/AC-1042",
    "/accounts/AC-4",
    "/accounts/x",
    "/key",
)
URLS += tuple(page.account_url(one.account_id) for one in accounts())


class Shape(HTMLParser):
    """What a page is made of: its tags with attributes, in order, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += " " if tag not in ("b", "bdi", "span", "time", "a") else ""

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.mark.parametrize("url", URLS)
def test_a_page_needs_no_script_and_nothing_from_elsewhere(get: Callable[[str], Answer], url: str) -> None:
    answer = get(url)
    shape = Shape(answer.text)
    assert not shape.all("script", "style", "iframe", "img")
    for tag, attributes in shape.tags:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "src", "action"):
            target = attributes.get(name)
            assert target is None or target.startswith(("/", "#")), (tag, target)
            assert target is None or not target.startswith("//")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_an_unfinished_onboarding_is_told_step_by_step(get: Callable[[str], Answer]) -> None:
    text = Shape(get("/accounts/AC-5").text).text
    assert "in onboarding for 71 days" in text
    told = text[text.index("Sso enabled") : text.index("Users active")]
    assert re.findall("reached|late, was due|open, due", told) == ["reached", "late, was due", "open, due"]
    assert "<b>data</b>" in told
    assert "Users active open" in text
    assert "step by step" not in get("/accounts/AC-3").text


def test_who_stands_behind_a_number_is_told_with_the_day(get: Callable[[str], Answer]) -> None:
    text = Shape(get("/accounts/AC-5").text).text
    assert "The CSM's own rating 2, <i>Ines</i> on 3 March 2025 The CSM's own rating 3, last on 3 March 2025" in text
    assert "Who, when and which" not in get("/accounts/AC-3").text


@pytest.mark.parametrize("url", URLS)
def test_a_page_can_be_read_and_used_without_a_mouse(get: Callable[[str], Answer], url: str) -> None:
    shape = Shape(get(url).text)
    assert shape.all("html")[0]["lang"] == "en"
    assert len(shape.all("h1")) == len(shape.all("main")) == 1
    levels = [int(tag[1]) for tag, _ in shape.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in shape.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {attributes.get("for") for attributes in shape.all("label")}
    fields = [field for field in shape.all("input", "select") if field.get("type") != "hidden"]
    assert all(field["id"] in labelled for field in fields)
    first_link = shape.all("a")[0]
    assert first_link["href"] == "#main"
    assert shape.all("main")[0]["id"] == "main"


def test_the_book_says_who_why_how_much_and_what_to_do(get: Callable[[str], Answer]) -> None:
    answer = get("/")
    text = Shape(answer.text).text
    assert answer.status_code == 200
    assert "Of 7 accounts with 1.7 million ARR" in text
    assert "Scores of 3 March 2025, 2 days ago." in text
    for words in (
        "Harbourline Logistics",
        "renews 13 April 2025",
        "Weekly active users fell 46 % in four weeks, 61 to 33",
        "What to do: Review the technical setup, and bring the sponsor what was found",
        "High risk about 2 in 3 68 % in 90 days",
        "at stake of 318,000 ARR",
        "Little data: 29 % of signals",
        "no renewal date",
        "1 account has given notice, with 43 thousand ARR",
        "Not enough to say",
        "Contraction: not enough to say. 31 contractions are known",
    ):
        assert words in text


def test_the_filters_reach_the_shelf_and_stay_chosen(get: Callable[[str], Answer], shelf: Samples) -> None:
    shape = Shape(get("/?owner=Dana+Whitfield&segment=enterprise&tier=high&sort=renewal&limit=10").text)
    chosen = [attributes["value"] for attributes in shape.all("option") if "selected" in attributes]
    assert shelf.asked == {
        "owner": "Dana Whitfield", "segment": "enterprise", "tier": "high", "sort": "renewal", "limit": 10,
    }  # fmt: skip
    assert chosen == ["churn", "Dana Whitfield", "enterprise", "high", "renewal"]
    assert "Longitudinal" not in shape.text


def test_the_next_page_keeps_the_filters(get: Callable[[str], Answer]) -> None:
    shape = Shape(get("/?limit=1&owner=Dana+Whitfield").text)
    (link,) = [attributes["href"] for attributes in shape.all("a") if attributes.get("rel") == "next"]
    assert link == "/?limit=1&owner=Dana+Whitfield&cursor=1"
    assert "Longitudinal" in get(link).text


@pytest.mark.parametrize("query", ["tier=urgent", "segment=giant", "outcome=joy", "sort=luck", "limit=0", "limit=²"])
def test_filters_that_make_no_sense_are_refused_in_words(get: Callable[[str], Answer], query: str) -> None:
    answer = get(f"/?{query}")
    assert answer.status_code == 422
    assert f"Expected {query.split('=')[0]} to be" in answer.text


def test_an_empty_book_says_why(get: Callable[[str], Answer]) -> None:
    assert "No scores yet" in fetched(application(Samples(as_of=None)), "/").text
    assert "Nothing fits these filters" in fetched(application(Samples()), "/").text
    withheld = get("/?outcome=contraction").text
    assert "Contraction: not enough to say" in withheld
    assert 'class="lede"' not in withheld, "what is not known is no sum of 0"


def test_old_scores_are_called_old(shelf: Samples) -> None:
    shelf.as_of = TODAY - timedelta(days=23)
    answer = fetched(application(shelf), "/")
    assert "23 days ago" in answer.text
    assert "Score again before you act" in answer.text


def test_an_account_explains_its_scores(get: Callable[[str], Answer]) -> None:
    text = Shape(get("/accounts/AC-1042").text).text
    for words in (
        "Enterprise, high value, in maturity, high touch. Looked after by Dana Whitfield.",
        "About 2 in 3 within 90 days",
        "68 % leave (55 % to 68 %), of all 3.1 %. 217,360 of 318,000 ARR is at stake.",
        "Value gap strongly raises the chance and stands out most Weekly active users fell 46 %",
        "Room to grow clearly lowers the chance",
        "Budget barely lowers the chance",
        "Against churn: value gap Review the technical setup",
        "Model churn-12",
        "9.0 % on 6 January 2025, 68 % on 3 March 2025",
        "Growth waits. Churn risk is high",
        "Last NPS not known",
    ):
        assert words in text


def test_the_account_leads_with_the_reason_that_the_book_tells(get: Callable[[str], Answer], shelf: Samples) -> None:
    """However small its share: the playbook answers it."""
    harbour = shelf.briefs[0]
    drivers = tuple(
        replace(driver, share=0.09, stands_out=9.0) if driver.reason is ISSUE else driver
        for driver in harbour.scores[0].drivers
    )
    small = tuple(replace(driver, share=driver.share / 3) if driver.share > 0.5 else driver for driver in drivers)
    shelf.briefs = (replace(harbour, scores=(replace(harbour.scores[0], drivers=small),)),)
    assert WORDS[ISSUE] in Shape(get("/").text).text
    why = Shape(get("/accounts/AC-1042").text).text.split("Why")[1]
    said = f"Product issue barely raises the chance, but stands out most {WORDS[ISSUE]}"
    assert said in why
    told = [why.index(WORDS[reason]) for reason in (ISSUE, VALUE, CHAMPION, CONTEXT, BUDGET, ROOM)]
    assert told == sorted(told)


def test_growth_is_no_pressure(get: Callable[[str], Answer], shelf: Samples) -> None:
    growth = score("AC-1042", "expansion", "high", 318_000, LARGE, {BUDGET: 1.2, VALUE: 0.6, ROOM: -0.4})
    shelf.briefs = (replace(shelf.briefs[0], health=None, scores=(growth,)),)
    text = Shape(get("/accounts/AC-1042").text).text
    assert "Budget strongly raises the chance and stands out most" in text
    assert "Lack of growth clearly lowers the chance" in text
    assert "For expansion: budget Fit the plan to what they use" in text
    assert "pressure" not in text


def test_what_answers_a_low_risk_comes_last(shelf: Samples) -> None:
    low = replace(shelf.briefs[0].scores[0], tier="low", playbooks=("contact_refresh",))
    cut = replace(shelf.briefs[0].scores[1], tier="high", playbooks=("roi_model",))
    told = page.advice(replace(shelf.briefs[0], scores=(low, cut)), PLAYBOOKS)
    assert [item.playbook.id for item in told] == ["roi_model", "contact_refresh"]
    assert [item.answers for item in told] == [
        ("against contraction: value gap",),
        ("against churn: champion turnover",),
    ]


@pytest.mark.parametrize(
    ("tier", "health", "said"), [("low", 2, True), ("low", 60, False), ("medium", 2, False), ("high", 2, False)]
)
def test_a_rank_among_the_riskiest_does_not_contradict_a_low_risk(
    get: Callable[[str], Answer], shelf: Samples, tier: str, health: int, said: bool
) -> None:
    lengthy = next(one for one in shelf.briefs if one.account_id == "AC-3")
    churn = replace(lengthy.scores[0], tier=tier, probability=0.033)
    shelf.briefs = (replace(lengthy, health=health, scores=(churn,)),)
    text = Shape(get("/accounts/AC-3").text).text
    assert f"Safer than {health} of 100 accounts" in text
    assert ("low risk all the same, about 1 in 30" in text) is said


def test_nothing_is_said_of_growth_that_nobody_expects(get: Callable[[str], Answer], shelf: Samples) -> None:
    small = next(one for one in shelf.briefs if one.account_id == "AC-2210")
    assert small.growth_waits
    assert "Growth waits" not in get("/accounts/AC-2210").text


def test_base_and_shares_end_at_the_probability() -> None:
    for found in (found for one in accounts() for found in one.scores if found.drivers):
        assert page.additions(found)[-1][1] == pytest.approx(found.probability)


def test_an_approval_names_the_limit_for_this_account(shelf: Samples) -> None:
    first = shelf.briefs[1]
    churn = replace(first.scores[0], playbooks=("short_term_concession", "war_room"))
    shelf.briefs = (replace(first, scores=(churn,)),)
    html = fetched(application(shelf), "/accounts/AC-2210").text
    text = Shape(html).text
    assert "up to 10&nbsp;% of ARR" in html
    assert "Approval first. VP Customer Success up to 10 % of ARR for this account, CFO above that." in text
    assert "Rhythm 15 minutes every working day" in text
    assert "Stop when" in text


def test_silence_is_not_shown_as_health(get: Callable[[str], Answer]) -> None:
    text = Shape(get(page.account_url(QUIET.account_id)).text).text
    assert "Nothing heard from support, sentiment, relationship, growth, onboarding." in text
    assert "Nothing known from support" in text
    assert "Looked after by nobody" in text


def test_hostile_names_are_shown_and_not_obeyed(get: Callable[[str], Answer]) -> None:
    for url in ("/", page.account_url(HOSTILE.account_id), "/accounts/<script>", "/?tier=<script>"):
        html = get(url).text
        assert "<script" not in html
        assert "<img" not in html
        assert "&lt;script&gt;" in html


def test_every_account_of_the_book_can_be_opened(get: Callable[[str], Answer]) -> None:
    links = [link["href"] or "" for link in Shape(get("/").text).all("a")]
    opened = [get(link) for link in links if link.startswith("/accounts/")]
    assert len(opened) == len(accounts())
    assert all(answer.status_code == 200 for answer in opened)


def test_an_account_that_gave_notice_is_said_to_have(get: Callable[[str], Answer]) -> None:
    assert "“AC-9” has given notice" in get("/accounts/AC-9").text


def test_an_unknown_account_is_a_friendly_404(get: Callable[[str], Answer]) -> None:
    answer = get("/accounts/nobody")
    assert answer.status_code == 404
    assert "No account “nobody” has a score" in answer.text


def test_the_key_page_asks_for_the_key(get: Callable[[str], Answer]) -> None:
    answer = get("/key")
    shape = Shape(answer.text)
    assert answer.status_code == 401
    assert shape.all("form") == [{"action": "/key", "method": "post", "class": "key"}]
    assert shape.all("input")[0]["name"] == "key"


def test_an_error_page_has_its_status(get: Callable[[str], Answer]) -> None:
    assert get("/no").status_code == 403


def test_the_style_sheet_and_the_icon_are_served(get: Callable[[str], Answer]) -> None:
    assert get("/static/page.css").headers["content-type"].startswith("text/css")
    assert get("/static/favicon.svg").status_code == 200
    assert "http" not in get("/static/page.css").text


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (odds(0.004), "less than 1 in 100"),
        (odds(0.082), "about 1 in 10"),
        (odds(0.26), "about 1 in 4"),
        (odds(0.68), "about 2 in 3"),
        (odds(0.999), "nearly all"),
        (strength(-0.05), "barely lowers"),
        (strength(0.2), "slightly raises"),
        (strength(-0.5), "clearly lowers"),
        (strength(0.8), "strongly raises"),
        (page.age(0), "today"),
        (page.age(1), "yesterday"),
        (page.age(-3), "3 days ahead"),
        (page.percent(0.0), "0\N{NO-BREAK SPACE}%"),
        (page.percent(0.0004), "under 0.1\N{NO-BREAK SPACE}%"),
        (page.percent(0.082), "8.2\N{NO-BREAK SPACE}%"),
        (page.percent(0.097), "10\N{NO-BREAK SPACE}%"),
        (short_money(940), "940"),
        (short_money(999_600), "1.0 million"),
        (short_money(412_300), "412 thousand"),
        (short_money(1_724_000_000), "1.7 billion"),
    ],
)
def test_numbers_are_said_as_people_say_them(said: str, expected: str) -> None:
    assert said == expected


def test_one_score_makes_no_line() -> None:
    churn = accounts()[0].scores[:1]
    assert page.spark(churn, "churn") is None
    assert page.spark((*churn, *churn), "churn") is not None


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_apart_by_wcag_aa(scheme: int) -> None:
    css = Path(page.HERE / "static" / "page.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", css.split(":root")[scheme + 1]))
    pairs = [
        (text, ground, 4.5) for text in ("ink", "soft", "link", "bad", "mid", "good") for ground in ("paper", "raised")
    ]
    pairs += [("ink", "mid-wash", 4.5), ("on-button", "button", 4.5), ("focus", "paper", 3), ("field", "raised", 3)]
    for text, ground, least in pairs:
        high, low = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= least, (text, ground)


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1440])
def test_a_browser_finds_nothing_to_complain_about(shelf: Samples, width: int) -> None:
    uvicorn = pytest.importorskip("uvicorn")
    playwright = pytest.importorskip("playwright.sync_api")
    server = uvicorn.Server(uvicorn.Config(application(shelf), port=0, log_level="error", ws="none"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    complaints: list[str] = []
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path="/usr/bin/chromium", args=list(QUIET_CHROMIUM))
        tab = browser.new_page(viewport={"width": width, "height": 900})
        tab.on("console", lambda message: complaints.append(message.text))
        for one in ("", *(page.account_url(account.account_id) for account in shelf.briefs)):
            assert tab.goto(f"{address}{one or '/'}").status == 200
            assert tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        tab.goto(address)
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.className") == "skip"
        browser.close()
    server.should_exit = True
    thread.join()
    assert complaints == []


QUIET_CHROMIUM = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip
