"""Whatever a caller sends, byte for byte, is answered, or refused in the one shape; nothing breaks the service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import Message

from features.catalogue import CATALOGUE
from features.feature import Unit
from features.segments import SIZES
from serving import asked
from serving.asked import LARGEST, MOST_SHOWN, Refused, content, count, feature_rows, wrong
from serving.service import application
from tests.conftest import Company

NUMBER = next(name for name, feature in CATALOGUE.items() if feature.unit is not Unit.CATEGORY)
HALF = "\ud800"
"""Half a character: JSON may write it, UTF-8 cannot."""


@dataclass(frozen=True)
class Sent:
    """A request as the server hands it over, byte for byte."""

    method: str = "GET"
    path: str = "/v1/book"
    raw_path: bytes | None = None
    query: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def scope(self, **more: Any) -> dict[str, Any]:
        raw = {} if self.raw_path is None else {"raw_path": self.raw_path}
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "server": ("127.0.0.1", 3000),
            "root_path": "",
            "method": self.method,
            "path": self.path,
            "query_string": self.query,
            "headers": self.headers,
            **raw,
            **more,
        }


@dataclass(frozen=True)
class Answered:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Service:
    """The service behind its key; whatever breaks inside it is raised."""

    app: Starlette
    key: str

    def answer(self, sent: Sent) -> Answered:
        messages: list[Message] = []
        whole: list[Message] = [{"type": "http.request", "body": sent.body, "more_body": False}]

        async def receive() -> Message:
            if not whole:
                await asyncio.sleep(60)
            return whole.pop()

        async def send(message: Message) -> None:
            messages.append(message)

        opened = [*sent.headers, (b"x-api-key", self.key.encode())]
        asyncio.run(self.app(sent.scope(headers=opened), receive, send))
        headers = {name.decode(): value.decode("latin-1") for name, value in messages[0]["headers"]}
        body = b"".join(message.get("body", b"") for message in messages[1:])
        return Answered(messages[0]["status"], headers, body)

    def post(self, url: str, body: bytes) -> Answered:
        return self.answer(Sent("POST", url, headers=[(b"content-type", b"application/json")], body=body))


@pytest.fixture(scope="module")
def service(company: Company) -> Service:
    return Service(application(company.home), company.key)


def well_formed(answer: Answered, page: bool = False) -> None:
    """An answer, or an error in the one shape; on a page, in words."""
    assert answer.status < 500, answer.body[:500]
    if answer.status < 400:
        return
    if page and answer.headers["content-type"].startswith("text/html"):
        assert b"<h1" in answer.body
        return
    document = json.loads(answer.body)
    assert set(document) == {"error"}
    assert set(document["error"]) == {"code", "message", "details"}
    assert document["error"]["message"]
    assert len(document["error"]["message"]) < 1_000


# Anything at all

LETTERS = st.characters(categories=["L", "N", "P", "S", "Z", "C", "Cs"])
TEXT = st.text(LETTERS, max_size=12) | st.sampled_from([HALF, "\x00", "", "acc-00001", "\U0001f98a", "giant", *SIZES])
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**299, 10**400, -(10**400), 1.7e308, -1.7e308, 5e-324, -0.0])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(
    SCALARS, lambda one: st.lists(one, max_size=3) | st.dictionaries(TEXT, one, max_size=3), max_leaves=6
)
ROW = st.dictionaries(st.sampled_from([*CATALOGUE]), SCALARS | NUMBERS | NUMBERS, max_size=6)
NUMBERS_ALONE = st.dictionaries(
    st.sampled_from([name for name, feature in CATALOGUE.items() if feature.unit is not Unit.CATEGORY]),
    st.none() | st.integers(-(10**300), 10**300) | st.floats(-LARGEST, LARGEST),
    min_size=1,
    max_size=40,
)
BODIES = (
    st.fixed_dictionaries({"outcome": st.sampled_from(["churn", "expansion"]), "rows": st.lists(ROW, max_size=3)})
    | st.fixed_dictionaries({"outcome": VALUES, "rows": VALUES})
    | st.fixed_dictionaries({"accounts": VALUES | st.lists(TEXT, max_size=3)})
    | st.dictionaries(TEXT, VALUES, max_size=3)
    | VALUES
)
PATHS = st.sampled_from(
    ["/", "/v1/book", "/v1/score", "/v1/model", "/v1/accounts/", "/accounts/", "/static/", "/key", "/livez", "/metrics"]
)
BYTES = st.binary(max_size=16) | TEXT.map(lambda text: text.encode(errors="surrogatepass"))
NAMES = st.sampled_from(
    [
        b"host", b"accept", b"range", b"cookie", b"content-type", b"content-length", b"if-none-match", b"if-range",
        b"if-modified-since", b"authorization", b"x-forwarded-host", b"user-agent",
    ]
)  # fmt: skip
QUERIES = st.lists(
    st.tuples(
        st.sampled_from([b"limit", b"cursor", b"owner", b"segment", b"tier", b"outcome", b"sort", b"key", b"x"]),
        BYTES | st.integers(0).map(lambda number: str(number).encode()) | st.just(b"0" * 5_000 + b"9"),
    ),
    max_size=4,
).map(lambda pairs: b"&".join(name + b"=" + value for name, value in pairs))
QUICKLY = settings(max_examples=150, deadline=None, derandomize=True)


@QUICKLY
@given(url=st.sampled_from(["/v1/score", "/v1/score/features"]), body=BODIES)
def test_no_json_breaks_the_service(service: Service, url: str, body: Any) -> None:
    well_formed(service.post(url, json.dumps(body).encode()))


@QUICKLY
@given(outcome=st.sampled_from(["churn", "expansion"]), row=NUMBERS_ALONE)
def test_every_row_of_numbers_is_scored(service: Service, outcome: str, row: dict[str, float | None]) -> None:
    answer = service.post("/v1/score/features", json.dumps({"outcome": outcome, "rows": [row]}).encode())
    assert answer.status == 200, answer.body[:500]


@QUICKLY
@given(
    opening=st.sampled_from(["[", '{"a":', '[{"a":', '["x",']),
    depth=st.integers(1, 1_200),
    around=st.sampled_from(['{{"accounts": {}}}', '{{"outcome": "churn", "rows": [{{"arr": {}}}]}}', "{}"]),
)
def test_no_depth_breaks_the_service(service: Service, opening: str, depth: int, around: str) -> None:
    closing = "".join({"[": "]", "{": "}"}.get(sign, "") for sign in reversed(opening))
    body = around.format(opening * depth + "1" + closing * depth).encode()
    for url in ("/v1/score", "/v1/score/features"):
        answer = service.post(url, body)
        well_formed(answer)
        assert answer.status in (400, 422)


@QUICKLY
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE"]),
    start=PATHS,
    rest=st.text(max_size=12) | st.sampled_from(["history", "a/history", "../service.py", "page.css", "x" * 5_000]),
    query=QUERIES,
    headers=st.lists(st.tuples(NAMES, BYTES | st.just(b"text/html")), max_size=4),
    body=BYTES,
)
def test_no_bytes_of_a_request_break_the_service(
    service: Service,
    method: str,
    start: str,
    rest: str,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    for path in (start, start + rest):
        well_formed(service.answer(Sent(method, path, path.encode(), query, headers, body)), not path.startswith("/v1"))


# What was found to break it


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("/v1/score", {"accounts": [HALF]}),
        ("/v1/score", {HALF: 1}),
        ("/v1/score/features", {"outcome": HALF, "rows": [{}]}),
        ("/v1/score/features", {"outcome": "churn", "rows": [{HALF: 1}]}),
        ("/v1/score/features", {"outcome": "churn", "rows": [{"arr": HALF}]}),
    ],
)
def test_half_a_character_is_malformed(service: Service, url: str, body: Any) -> None:
    answer = service.post(url, json.dumps(body).encode())
    well_formed(answer)
    assert answer.status == 400
    assert "half a character" in json.loads(answer.body)["error"]["message"]


@pytest.mark.parametrize("size", ["giant", "", "SMB", 3, True, [], {}])
def test_a_size_is_one_of_the_three(service: Service, size: object) -> None:
    answer = service.post("/v1/score/features", json.dumps({"outcome": "churn", "rows": [{"segment": size}]}).encode())
    assert answer.status == 422
    (fault,) = json.loads(answer.body)["error"]["details"]
    assert fault["expected"] == "one of smb, mid_market, enterprise, or null"
    for good in (*SIZES, None):
        assert feature_rows([{"segment": good}]) == [{"segment": good}]


@pytest.mark.parametrize("number", [10**301, -(10**301), 1.7e308, -1.7e308])
def test_a_number_whose_products_are_none_is_refused(number: float) -> None:
    with pytest.raises(Refused, match=r"1e\+300.*a larger one in"):
        feature_rows([{NUMBER: number}])


@pytest.mark.parametrize("value", ["0", "501", "0001", "00000001099999", "00000001" + "0" * 5_000, "-1", "²", "1_0"])
def test_a_count_has_no_more_digits_than_its_limit(value: str) -> None:
    with pytest.raises(Refused, match="`limit` to be a number from 1 to 500"):
        count({"limit": value}, "limit", 50, 500)
    assert count({"limit": "500"}, "limit", 50, 500) == 500
    assert count({}, "limit", 50, 500) == 50


@pytest.mark.parametrize(
    ("found", "told"),
    [([[1]], "a list"), ({"a": 1}, "an object"), (None, "null"), (True, "true"), ("x" * 999, "x" * MOST_SHOWN)],
)
def test_an_error_repeats_a_line_at_most(found: object, told: str) -> None:
    assert wrong("sense", found).message == f"expected sense, found {told}"


@pytest.mark.parametrize("value", [b"bytes=abc", b"lines=1-2", b"x", b"bytes=999999999-", b"bytes=0-1"])
def test_the_style_sheet_is_handed_out_whole(service: Service, value: bytes) -> None:
    answer = service.answer(Sent("GET", "/static/page.css", headers=[(b"range", value)]))
    assert answer.status == 200
    assert len(answer.body) == int(answer.headers["content-length"])


@pytest.mark.parametrize("charset", [b"unicode_escape", b"utf-7", b"undefined", b"idna", b"none"])
@pytest.mark.parametrize("shown", [b"\\ud800", b"+2AA-", b"\xff"])
def test_a_key_in_any_writing_is_just_no_key(service: Service, charset: bytes, shown: bytes) -> None:
    kind = b"multipart/form-data; boundary=x; charset=" + charset
    part = b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\n' + shown + b"\r\n--x--\r\n"
    for sent in (part, b"key=" + shown, b"key=%ed%a0%80"):
        assert service.answer(Sent("POST", "/key", headers=[(b"content-type", kind)], body=sent)).status == 401
    assert service.answer(Sent("POST", "/key", body=b"key=" + b"a" * 20_000)).status == 413


# A body that does not come


def test_a_body_that_stalls_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "READ_SECONDS", 0.01)
    first: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> Message:
        if not first:
            await asyncio.sleep(60)
        return first.pop()

    with pytest.raises(Refused, match="found 1 bytes") as error:
        asyncio.run(content(Request(Sent("POST").scope(), receive)))
    assert (error.value.status, error.value.code) == (408, "too_slow")


def test_a_body_that_breaks_off_is_refused() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(Refused, match="found its end after 0 bytes") as error:
        asyncio.run(content(Request(Sent("POST").scope(), receive)))
    assert error.value.status == 400
