"""The API keeps its word: a key for everything, one shape of error, and never a 500 for what a caller can send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from httpx import ASGITransport, AsyncClient, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from features.catalogue import CATALOGUE
from features.feature import Unit
from serving.api import MOST_ACCOUNTS
from serving.asked import MOST_BYTES, MOST_ROWS
from serving.ledger import open_ledger
from serving.service import application
from serving.shelf import Shelf
from tests.conftest import LATER, UNTIL, Company

HOSTILE = 'a/b\'; DROP TABLE runs; -- "🦊" %2F?#/history'
NUMBER = next(name for name, feature in CATALOGUE.items() if feature.unit is not Unit.CATEGORY)
CATEGORY = next(name for name, feature in CATALOGUE.items() if feature.unit is Unit.CATEGORY)
JSON_ROUTES = [
    ("POST", "/v1/score"), ("POST", "/v1/score/features"), ("GET", "/v1/book"), ("GET", "/v1/accounts/x"),
    ("GET", "/v1/accounts/x/history"), ("GET", "/v1/model"), ("GET", "/v1/playbooks"),
]  # fmt: skip
PAGES = ["/", "/accounts/x"]
Send = Callable[..., Response]


def sender(app: Starlette, key: str | None) -> Send:
    """Sends one request to the service, with the key if there is one."""

    def send(method: str, url: str, **how: Any) -> Response:
        async def ask() -> Response:
            transport = ASGITransport(app, raise_app_exceptions=False)
            async with AsyncClient(transport=transport, base_url="http://tenure.test") as client:
                given = {} if key is None else {"authorization": f"Bearer {key}"}
                return await client.request(method, url, headers=given | how.pop("headers", {}), **how)

        return asyncio.run(ask())

    return send


@pytest.fixture(scope="module")
def app(company: Company) -> Starlette:
    return application(company.home)


@pytest.fixture(scope="module")
def send(app: Starlette, company: Company) -> Send:
    return sender(app, company.key)


@pytest.fixture(scope="module")
def stranger(app: Starlette) -> Send:
    return sender(app, None)


def refusal(answer: Response, status: int, code: str | None = None) -> str:
    """The message of an error in the one shape."""
    assert answer.status_code == status, answer.text[:500]
    document = answer.json()
    assert set(document) == {"error"}
    assert set(document["error"]) == {"code", "message", "details"}
    assert isinstance(document["error"]["details"], list)
    assert document["error"]["message"]
    if code is not None:
        assert document["error"]["code"] == code
    return str(document["error"]["message"])


def post(send: Send, url: str, body: Any) -> Response:
    return send("POST", url, json=body)


# The key


@pytest.mark.parametrize(("method", "path"), [*JSON_ROUTES, *(("GET", page) for page in PAGES), ("GET", "/nowhere")])
@pytest.mark.parametrize("key", [None, "", "wrong", "ключ"])
def test_every_route_needs_the_key(stranger: Send, method: str, path: str, key: str | None) -> None:
    headers = {} if key is None else {"authorization": f"Bearer {key}".encode()}
    message = refusal(stranger(method, path, headers=headers), 401, "unauthorized")
    assert "Authorization: Bearer" in message


@pytest.mark.parametrize(
    "path", ["/v1/book/", "/V1/book", "//v1/book", "/v1/../v1/book", "/v1", "/docs", "/openapi.json"]
)
def test_no_spelling_of_a_path_gets_round_the_key(stranger: Send, path: str) -> None:
    refusal(stranger("GET", path), 401)


@pytest.mark.parametrize("how", ["bearer", "header", "cookie"])
def test_the_key_opens_however_it_is_shown(stranger: Send, company: Company, how: str) -> None:
    headers = {
        "bearer": {"authorization": f"Bearer {company.key}"},
        "header": {"x-api-key": company.key},
        "cookie": {"cookie": f"tenure_key={company.key}"},
    }[how]
    assert stranger("GET", "/v1/book", headers=headers).status_code == 200


def test_a_key_in_the_address_becomes_a_cookie_and_leaves_the_address(stranger: Send, company: Company) -> None:
    answer = stranger("GET", f"/?key={company.key}&tier=high&owner=A%26B")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?tier=high&owner=A%26B"
    cookie = answer.headers["set-cookie"]
    assert f"tenure_key={company.key}" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert stranger("GET", "/?key=wrong").status_code == 401
    refusal(stranger("POST", f"/v1/score?key={company.key}", json={"accounts": ["x"]}), 401)


def test_a_redirect_never_leaves_the_service(stranger: Send, company: Company) -> None:
    for path in ("//evil.test/x", "///evil.test", "/%5Cevil.test", "/%2Fevil.test"):
        answer = stranger("GET", f"http://tenure.test{path}?key={company.key}")
        location = answer.headers.get("location", "/")
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))


def test_a_redirect_keeps_the_account_that_was_asked_for(stranger: Send, company: Company) -> None:
    place = f"/accounts/{quote(HOSTILE, safe='')}"
    assert stranger("GET", f"{place}?key={company.key}").headers["location"] == place


def test_a_browser_without_the_key_is_asked_for_it(stranger: Send) -> None:
    for page in PAGES:
        answer = stranger("GET", page, headers={"accept": "text/html"})
        assert answer.status_code == 401
        assert 'action="/key"' in answer.text
    refusal(stranger("GET", "/v1/book", headers={"accept": "text/html"}), 401)


def test_the_key_form_lets_in_with_the_key_alone(stranger: Send, company: Company) -> None:
    answer = stranger("POST", "/key", data={"key": f" {company.key} "})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert "tenure_key=" in answer.headers["set-cookie"]
    for data in ({"key": "wrong"}, {}, {"other": company.key}):
        refused = stranger("POST", "/key", data=data)
        assert refused.status_code == 401
        assert "set-cookie" not in refused.headers


def test_a_key_form_that_is_no_form_is_refused(stranger: Send) -> None:
    kinds = {"content-type": "multipart/form-data; boundary=x"}
    many = "&".join(f"field{number}=1" for number in range(50))
    form = {"content-type": "application/x-www-form-urlencoded"}
    for content, headers in (("--x\r\nbroken", kinds), ("{}", {}), (b"\xff\xfe", form), (many, form)):
        assert 400 <= stranger("POST", "/key", content=content, headers=headers).status_code < 500


def test_the_style_sheet_is_open_and_nothing_beside_it(stranger: Send) -> None:
    assert stranger("GET", "/static/page.css").status_code == 200
    for path in ("/static/../service.py", "/static/%2e%2e/service.py", "/static/none.css"):
        assert stranger("GET", path).status_code in (401, 404)


# What it answers


def test_score_hands_out_the_briefs_of_record_in_the_order_asked(send: Send, company: Company) -> None:
    one, two = company.scorings[LATER].briefs[:2]
    answer = post(send, "/v1/score", {"accounts": [two.account_id, "nobody", one.account_id]})
    assert answer.status_code == 200
    document = answer.json()
    assert document["unknown"] == ["nobody"]
    assert [brief["account_id"] for brief in document["briefs"]] == [two.account_id, one.account_id]
    found = document["briefs"][1]
    assert found["as_of"] == LATER.isoformat()
    assert {told["outcome"] for told in found["scores"]} == {"churn", "expansion"}
    for told, kept in zip(found["scores"], one.scores, strict=True):
        assert told["probability"] == kept.probability
        total = told["base"] + sum(driver["share"] for driver in told["drivers"])
        assert abs(total - log(told["probability"] / (1 - told["probability"]))) < 1e-6


def test_features_that_a_caller_built_are_scored_as_those_of_record(send: Send, company: Company) -> None:
    scoring = company.scorings[LATER]
    known = [
        {name: value for name, value in row.items() if name in CATALOGUE and value == value and value is not None}
        for row in scoring.table.head(5).to_dict("records")
    ]
    for outcome in ("churn", "expansion"):
        answer = post(send, "/v1/score/features", {"outcome": outcome, "rows": known})
        assert answer.status_code == 200
        for told, brief in zip(answer.json()["scores"], scoring.briefs[:5], strict=True):
            kept = brief.score(outcome)
            assert kept is not None
            assert told["probability"] == kept.probability
            assert told["tier"] == kept.tier
            assert [driver["share"] for driver in told["drivers"]] == [driver.share for driver in kept.drivers]
            assert "account_id" not in told
            ahead = told["ahead"]
            assert list(ahead) == ["30", "60", "90", "180"]
            said = [one["probability"] for one in ahead.values()]
            assert said == sorted(said)
            assert all(one["low"] <= one["probability"] <= one["high"] for one in ahead.values())
            own = ahead["90"]
            assert (own["probability"], own["low"], own["high"]) == (told["probability"], told["low"], told["high"])


def test_a_row_without_any_feature_is_scored(send: Send) -> None:
    answer = post(send, "/v1/score/features", {"outcome": "churn", "rows": [{}, {NUMBER: None}]})
    one, two = answer.json()["scores"]
    assert one == two
    assert 0 < one["probability"] < 1


def test_the_book_is_ranked_and_paged_with_its_totals(send: Send, company: Company) -> None:
    first = send("GET", "/v1/book?limit=3&outcome=churn&sort=probability").json()
    assert len(first["briefs"]) == 3
    assert first["totals"]["accounts"] == len(company.scorings[LATER].briefs)
    assert first["as_of"] == LATER.isoformat()
    assert first["tier_rule"]["churn"]["high_share"] < first["tier_rule"]["churn"]["medium_share"]
    second = send("GET", f"/v1/book?limit=3&outcome=churn&sort=probability&cursor={first['next_cursor']}").json()
    chances = [
        next(told["probability"] for told in brief["scores"] if told["outcome"] == "churn")
        for page in (first, second)
        for brief in page["briefs"]
    ]
    assert chances == sorted(chances, reverse=True)
    assert len({brief["account_id"] for page in (first, second) for brief in page["briefs"]}) == 6


def test_an_outcome_that_is_not_served_says_why(send: Send) -> None:
    answer = send("GET", "/v1/book?outcome=contraction").json()
    assert answer["briefs"] == []
    assert "contraction" in answer["withheld"]
    refusal(post(send, "/v1/score/features", {"outcome": "contraction", "rows": [{}]}), 409, "no_champion")


def test_an_account_is_told_with_its_evidence_and_its_past(send: Send, company: Company) -> None:
    both = {brief.account_id for brief in company.scorings[UNTIL].briefs}
    one = next(brief for brief in company.scorings[LATER].briefs if brief.account_id in both)
    told = send("GET", f"/v1/accounts/{quote(one.account_id, safe='')}").json()
    assert told["name"] == one.name
    assert {row["feature"] for row in told["evidence"]} == set(CATALOGUE)
    past = send("GET", f"/v1/accounts/{quote(one.account_id, safe='')}/history").json()["scores"]
    assert [row["as_of"] for row in past] == sorted(row["as_of"] for row in past)
    assert {row["as_of"] for row in past} == {UNTIL.isoformat(), LATER.isoformat()}


def test_the_model_is_told_with_words_and_units_of_every_feature(send: Send, company: Company) -> None:
    models = {one["outcome"]: one for one in send("GET", "/v1/model").json()["models"]}
    assert set(models) == {"churn", "expansion"}
    for outcome, one in models.items():
        kept = company.trained[outcome].model
        assert kept is not None
        assert one["version"] == kept.version
        assert one["trained_until"] == UNTIL.isoformat()
        assert one["card"].startswith(f"# {outcome.capitalize()} within 90 days")
        assert [row["name"] for row in one["features"]] == list(kept.encoding.features)
        assert all(row["words"] and row["unit"] and row["reason"] for row in one["features"])


def test_playbooks_are_told_whole(send: Send) -> None:
    rows = send("GET", "/v1/playbooks").json()["playbooks"]
    assert len(rows) > 10
    assert all(row["steps"] and row["owner"] and row["success"] for row in rows)


def test_pages_are_shown_to_whoever_has_the_key(send: Send, company: Company) -> None:
    one = company.scorings[LATER].briefs[0]
    assert one.name in send("GET", f"/accounts/{quote(one.account_id, safe='')}").text
    assert send("GET", "/?tier=high").status_code == 200


def test_a_page_says_in_words_what_cannot_be_shown(send: Send) -> None:
    answer = send("GET", "/?cursor=nonsense", headers={"accept": "text/html"})
    assert answer.status_code == 422
    assert "<h1" in answer.text
    assert "next_cursor" in answer.text
    assert send("GET", "/nowhere", headers={"accept": "text/html"}).status_code == 404


@pytest.fixture(scope="module")
def hostile(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Send:
    """A service of one account with an id that tries every quoting."""
    home: Path = tmp_path_factory.mktemp("hostile")
    whole = company.scorings[LATER]
    brief = replace(
        whole.briefs[0],
        account_id=HOSTILE,
        name="<script>alert(1)</script>",
        scores=tuple(replace(one, account_id=HOSTILE) for one in whole.briefs[0].scores),
    )
    open_ledger(home).record(replace(whole, briefs=(brief,), table=whole.table.head(1)), {})
    app = application(home)
    return sender(app, (home / "key").read_text(encoding="utf-8"))


def test_an_id_may_hold_slashes_quotes_and_emoji(hostile: Send) -> None:
    assert post(hostile, "/v1/score", {"accounts": [HOSTILE]}).json()["briefs"][0]["account_id"] == HOSTILE
    place = f"/v1/accounts/{quote(HOSTILE, safe='')}"
    assert hostile("GET", place).json()["account_id"] == HOSTILE
    assert len(hostile("GET", f"{place}/history").json()["scores"]) == 2
    page = hostile("GET", f"/accounts/{quote(HOSTILE, safe='')}")
    assert page.status_code == 200
    assert "<script" not in page.text


def test_a_home_without_models_still_hands_out_what_is_on_record(hostile: Send) -> None:
    assert hostile("GET", "/v1/model").json() == {"models": []}
    assert len(hostile("GET", "/v1/book").json()["briefs"]) == 1
    refusal(post(hostile, "/v1/score/features", {"outcome": "churn", "rows": [{}]}), 409, "no_champion")


# What it refuses


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[", b"nul", b"\xff\xfe", b'{"accounts": ["a"]', b"{'accounts': []}", b'{"accounts": ["a"],}',
        b"[]", b"3", b'"text"', b"null", b"true", b"[" * 100_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"accounts": NaN}', b'{"accounts": [Infinity]}', b'{"accounts": -Infinity}', b'{"accounts": 1e999}',
        b'{"accounts": ' + b"9" * 5_000 + b"}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("url", ["/v1/score", "/v1/score/features"])
def test_what_is_no_json_object_is_malformed(send: Send, url: str, content: bytes) -> None:
    answer = send("POST", url, content=content, headers={"content-type": "application/json"})
    refusal(answer, 400, "malformed")


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
def test_a_body_of_another_kind_is_not_read(send: Send, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    refusal(send("POST", "/v1/score", content=b"{}", headers=headers), 415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;x=y"])
def test_a_kind_may_be_written_in_many_ways(send: Send, kind: str) -> None:
    answer = send("POST", "/v1/score", content=b'{"accounts": ["x"]}', headers={"content-type": kind})
    assert answer.status_code == 200


def test_a_body_too_large_is_not_read_to_its_end(send: Send) -> None:
    refusal(post(send, "/v1/score", {"accounts": ["x" * (MOST_BYTES + 1)]}), 413, "too_large")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "accounts missing"),
        ({"account": ["a"]}, "unknown account"),
        ({"accounts": ["a"], "more": 1}, "unknown more"),
        ({"accounts": "a"}, "list of account ids"),
        ({"accounts": None}, "list of account ids"),
        ({"accounts": {"a": 1}}, "list of account ids"),
        ({"accounts": [1]}, "list of account ids"),
        ({"accounts": [True]}, "list of account ids"),
        ({"accounts": [None]}, "list of account ids"),
        ({"accounts": [["a"]]}, "list of account ids"),
        ({"accounts": []}, f"1 to {MOST_ACCOUNTS} accounts"),
        ({"accounts": ["a"] * (MOST_ACCOUNTS + 1)}, f"1 to {MOST_ACCOUNTS} accounts"),
    ],
)
def test_accounts_that_make_no_sense_are_refused_in_words(send: Send, body: Any, word: str) -> None:
    assert word in refusal(post(send, "/v1/score", body), 422, "invalid")


@pytest.mark.parametrize(
    ("body", "code", "word"),
    [
        ({"rows": [{}]}, "invalid", "outcome missing"),
        ({"outcome": "churn"}, "invalid", "rows missing"),
        ({"outcome": "joy", "rows": [{}]}, "invalid", "one of churn, contraction, expansion"),
        ({"outcome": ["churn"], "rows": [{}]}, "invalid", "one of churn"),
        ({"outcome": None, "rows": [{}]}, "invalid", "one of churn"),
        ({"outcome": "churn", "rows": []}, "invalid", f"1 to {MOST_ROWS} rows"),
        ({"outcome": "churn", "rows": [{}] * (MOST_ROWS + 1)}, "invalid", f"1 to {MOST_ROWS} rows"),
        ({"outcome": "churn", "rows": {}}, "invalid", "list of objects"),
        ({"outcome": "churn", "rows": [[]]}, "invalid", "list of objects"),
        ({"outcome": "churn", "rows": [{"moon_phase": 1, "luck": 2}]}, "unknown_features", "luck, moon_phase"),
        ({"outcome": "churn", "rows": [{NUMBER: "many"}]}, "wrong_values", "1 that is not"),
        ({"outcome": "churn", "rows": [{NUMBER: [1]}]}, "wrong_values", "1 that is not"),
        ({"outcome": "churn", "rows": [{NUMBER: True}]}, "wrong_values", "1 that is not"),
        ({"outcome": "churn", "rows": [{CATEGORY: 3}]}, "wrong_values", "1 that is not"),
        ({"outcome": "churn", "rows": [{CATEGORY: True}, {CATEGORY: {}}]}, "wrong_values", "2 that are not"),
        ({"outcome": "churn", "rows": [{NUMBER: 10**400}]}, "invalid", "1e+300"),
        ({"outcome": "churn", "rows": [{NUMBER: 1.7e308}]}, "invalid", "1e+300"),
    ],
)
def test_rows_that_make_no_sense_are_refused_by_name(send: Send, body: Any, code: str, word: str) -> None:
    assert word in refusal(post(send, "/v1/score/features", body), 422, code)


def test_every_wrong_value_is_pointed_at(send: Send) -> None:
    answer = post(send, "/v1/score/features", {"outcome": "churn", "rows": [{}, {NUMBER: "many", CATEGORY: 3}]})
    details = answer.json()["error"]["details"]
    assert {"row": 1, "feature": NUMBER, "value": "many", "expected": "number or null"} in details
    assert {"row": 1, "feature": CATEGORY, "value": 3, "expected": "text or null"} in details


@pytest.mark.parametrize("value", [1e300, -1e300, 1e-320, -0.0, 10**300])
def test_extreme_numbers_are_scored(send: Send, value: float) -> None:
    answer = post(send, "/v1/score/features", {"outcome": "churn", "rows": [dict.fromkeys(_numbers(), value)]})
    assert answer.status_code == 200, answer.text[:300]
    assert 0 <= answer.json()["scores"][0]["probability"] <= 1


def _numbers() -> list[str]:
    return [name for name, feature in CATALOGUE.items() if feature.unit is not Unit.CATEGORY]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=501", "limit=-1", "limit=x", "limit=1.5", "limit=²", "limit=" + "9" * 5_000, "limit=0001",
        "limit=00000001099999", "limit=1" + "0" * 5_000, "tier=urgent",
        "segment=giant", "outcome=joy", "sort=luck", "colour=red", "limit=5&limits=5",
    ],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_refused_by_name(send: Send, query: str) -> None:
    message = refusal(send("GET", f"/v1/book?{query}"), 422, "invalid")
    assert query.split("&")[-1].split("=")[0] in message


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 10, "²"])
def test_a_cursor_that_is_none_of_ours_is_refused(send: Send, cursor: str) -> None:
    refusal(send("GET", "/v1/book", params={"cursor": cursor}), 422, "bad_cursor")


@pytest.mark.parametrize(
    "path", ["/v1/model?x=1", "/v1/playbooks?x=1", "/v1/accounts/a?x=1", "/v1/accounts/a/history?x=1"]
)
def test_routes_without_parameters_take_none(send: Send, path: str) -> None:
    assert "(none)" in refusal(send("GET", path), 422, "invalid")


@pytest.mark.parametrize("id", ["nobody", "a/b", "🦊", "'; --", "%00", "x" * 3_000])
def test_an_unknown_account_is_not_found(send: Send, id: str) -> None:
    for tail in ("", "/history"):
        answer = send("GET", f"/v1/accounts/{quote(id, safe='')}{tail}")
        assert "GET /v1/book" in refusal(answer, 404, "unknown_account")


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v1/nowhere", "/v1/score/more", "/v2/book", "/bentoml/ping", "/docs.json"]
)
def test_what_is_nowhere_is_not_found(send: Send, path: str) -> None:
    assert f"found {path}; check" in refusal(send("GET", path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/score"), ("PUT", "/v1/score"), ("DELETE", "/v1/book"), ("POST", "/v1/book"), ("POST", "/v1/model"),
        ("PATCH", "/v1/accounts/x"), ("POST", "/"), ("GET", "/key"), ("OPTIONS", "/v1/book"), ("TRACE", "/v1/book"),
        ("FOO", "/v1/score"), ("DELETE", "/static/page.css"), ("POST", "/livez"), ("DELETE", "/healthz"),
        ("PUT", "/readyz"), ("POST", "/metrics"),
    ],
)  # fmt: skip
def test_another_method_is_not_allowed(send: Send, method: str, path: str) -> None:
    answer = send(method, path)
    message = refusal(answer, 405, "method_not_allowed")
    assert message.endswith(f"at {path}, found {method}; ask in that way")
    assert all(allowed in message for allowed in answer.headers["allow"].split(", "))


@pytest.mark.parametrize("path", ["/v1/book", "/v1/model", "/", "/static/page.css"])
def test_head_is_get_without_a_body(send: Send, path: str) -> None:
    answer = send("HEAD", path)
    assert answer.status_code == 200
    assert answer.content == b""


@pytest.mark.parametrize("path", ["/v1/book/", "/v1/model/", "/v1/playbooks/"])
def test_a_trailing_slash_is_led_to_the_route_or_not_found(send: Send, path: str) -> None:
    answer = send("GET", path)
    if answer.status_code == 307:
        assert answer.headers["location"].endswith(path.rstrip("/"))
    else:
        refusal(answer, 404)


# What nobody foresaw


def test_a_fault_of_the_service_is_told_in_the_one_shape_and_raised_for_the_log(
    app: Starlette, send: Send, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise LookupError("the secret of the house")

    monkeypatch.setattr(Shelf, "book", broken)
    answer = send("GET", "/v1/book")
    assert "found a fault of the service" in refusal(answer, 500, "internal")
    page = send("GET", "/", headers={"accept": "text/html"})
    assert page.status_code == 500
    assert "<h1" in page.text
    assert "secret" not in answer.text + page.text

    async def ask() -> None:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://tenure.test") as client:
            await client.get("/v1/book", headers={"x-api-key": company.key})

    with pytest.raises(LookupError, match="secret"):
        asyncio.run(ask())


# Whatever a caller can send

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from([*[*CATALOGUE][:20], CATEGORY, "nothing"])
ROWS = st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=3) | VALUES
BODIES = (
    st.fixed_dictionaries({}, optional={"accounts": VALUES, "outcome": VALUES | st.just("churn"), "rows": ROWS})
    | st.fixed_dictionaries({"outcome": st.sampled_from(["churn", "expansion"]), "rows": ROWS})
    | st.fixed_dictionaries({"accounts": st.lists(st.text(max_size=10), max_size=3)})
    | VALUES
)
PARAMETERS = ("owner", "segment", "tier", "outcome", "sort", "limit", "cursor", "key", "other")
FUZZ = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def well_behaved(answer: Response) -> None:
    assert answer.status_code < 500, answer.text[:500]
    if answer.status_code >= 400:
        refusal(answer, answer.status_code)


@FUZZ
@given(url=st.sampled_from(["/v1/score", "/v1/score/features"]), body=BODIES)
def test_no_body_breaks_the_service(send: Send, url: str, body: Any) -> None:
    content = json.dumps(body).encode()
    well_behaved(send("POST", url, content=content, headers={"content-type": "application/json"}))


@FUZZ
@given(url=st.sampled_from(["/v1/score", "/v1/score/features"]), content=st.binary(max_size=60))
def test_no_bytes_break_the_service(send: Send, url: str, content: bytes) -> None:
    well_behaved(send("POST", url, content=content, headers={"content-type": "application/json"}))


@FUZZ
@given(
    path=st.sampled_from(["/v1/book", "/v1/model", "/v1/accounts/x"]),
    query=st.dictionaries(st.sampled_from(PARAMETERS), st.text(max_size=12) | st.integers().map(str), max_size=4),
)
def test_no_query_breaks_the_service(send: Send, path: str, query: dict[str, str]) -> None:
    well_behaved(send("GET", path, params=query))


@FUZZ
@given(query=st.dictionaries(st.sampled_from(PARAMETERS), st.text(max_size=12) | st.integers().map(str), max_size=4))
def test_no_query_breaks_the_page(send: Send, query: dict[str, str]) -> None:
    answer = send("GET", "/", params=query, headers={"accept": "text/html"})
    assert answer.status_code < 500
    assert answer.headers["content-type"].startswith("text/html")


@FUZZ
@given(path=st.text(max_size=30), method=st.sampled_from(["GET", "POST", "HEAD", "PUT"]))
def test_no_path_breaks_the_service(send: Send, path: str, method: str) -> None:
    for prefix in ("/", "/v1/accounts/", "/accounts/", "/static/"):
        answer = send(method, prefix + quote(path, safe="/"))
        assert answer.status_code < 500, (method, prefix + path, answer.text[:300])


def test_who_gave_notice_is_told_from_who_is_not_known(send: Send, company: Company) -> None:
    gone = company.scorings[LATER].noticed[0]
    answer = post(send, "/v1/score", {"accounts": [gone, "nobody"]}).json()
    assert (answer["notice_given"], answer["unknown"], answer["briefs"]) == ([gone], ["nobody"], [])
    assert "has given notice" in refusal(send("GET", f"/v1/accounts/{quote(gone, safe='')}"), 404, "notice_given")


def test_a_what_if_offer_to_grow_waits_for_first_value_as_one_of_record_does(send: Send, company: Company) -> None:
    scoring = company.scorings[LATER]
    offered = next(
        number for number, brief in enumerate(scoring.briefs) if (one := brief.score("expansion")) and one.playbooks
    )
    facts = {name: value for name, value in scoring.table.iloc[offered][[*CATALOGUE]].items() if value == value}
    row = json.loads(json.dumps({name: value for name, value in facts.items() if value is not None}))

    def playbooks(**told: float) -> list[str]:
        answer = post(send, "/v1/score/features", {"outcome": "expansion", "rows": [row | told]})
        return list(answer.json()["scores"][0]["playbooks"])

    record = scoring.briefs[offered].score("expansion")
    assert record is not None
    assert tuple(playbooks()) == record.playbooks
    assert playbooks(no_first_value=1.0) == []


def test_a_parameter_given_twice_is_refused(send: Send) -> None:
    assert "more than one tier" in refusal(send("GET", "/v1/book?tier=high&tier=low"), 422, "invalid")
