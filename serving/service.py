"""The service: BentoML keeps lifecycle, health and metrics; one mounted app serves the API and the pages.

Hot routes live in the mounted app, where a request costs half of what a BentoML API method does.
"""

import gc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

os.environ["BENTOML_DO_NOT_TRACK"] = "True"

import bentoml
from bentoml._internal.server.http.instruments import RunnerTrafficMetricsMiddleware
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from serving.access import COOKIE, access_key, admits, is_open, presented
from serving.api import api_routes, error_response
from serving.asked import MOST_SHOWN, Refused, content
from serving.champions import Champions
from serving.ledger import open_ledger
from serving.page import error_page, key_page, page_routes
from serving.playbooks import load_playbooks
from serving.shelf import BadCursor, Shelf
from serving.tiers import load_tiers

PROBES = ("/livez", "/readyz", "/healthz", "/metrics")
_ASKED = "tenure.path"
_CODES = {400: "malformed", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
_WHERE_IT_IS = "The command “tenure serve” prints the address that holds it."
_MOST_KEY_BYTES = 10_000


def application(home: Path) -> Starlette:
    """The API and the pages over the ledger and the champions under `home`."""
    playbooks, tiers = load_playbooks(), load_tiers()
    champions = Champions(home)
    shelf = Shelf(open_ledger(home))
    shelf.run()
    key = access_key(home)

    async def enter(request: Request) -> Response:
        form = parse_qs((await content(request, _MOST_KEY_BYTES)).decode(errors="replace"))
        if not admits(key, form.get("key", [""])[0].strip()):
            return key_page(f"That key does not open this service. {_WHERE_IT_IS}")
        return _let_in("/", key)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return _in_words(request, error.status, error.code, error.message, error.details)

    async def bad_cursor(request: Request, error: Exception) -> Response:
        return _in_words(request, 422, "bad_cursor", str(error))

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = error.status_code
        told = _told(request, status, error.headers or {}) or error.detail
        return _in_words(request, status, _CODES.get(status, "refused"), told, headers=error.headers)

    async def internal(request: Request, _: Exception) -> Response:
        """What nobody foresaw: it is raised again once this has been answered, so that the log has the traceback."""
        told = "expected to answer this, found a fault of the service; its log says more, whoever runs it can mend it"
        return _in_words(request, 500, "internal", told)

    return Starlette(
        routes=[
            Route("/key", enter, methods=["POST"]),
            *api_routes(shelf, champions, playbooks, tiers),
            *page_routes(shelf, playbooks),
            *(Route(path, _probe, methods=["GET"]) for path in PROBES),
        ],
        middleware=[Middleware(_Gate, key=key)],
        exception_handlers={
            Refused: refused,
            BadCursor: bad_cursor,
            HTTPException: http_error,
            Exception: internal,
        },
    )


async def _probe(_: Request) -> Response:
    """Answers where BentoML does not; the route is there to refuse other methods than its own."""
    return Response()


class _Gate:
    """Asks for the key before anything else looks at a request; `?key=…` lets a browser in once, then a cookie does."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app, self.key = app, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        if admits(self.key, presented(request)):
            await self.app(scope, receive, send)
            return
        response: Response
        if request.method == "GET" and admits(self.key, request.query_params.get("key")):
            kept = urlencode([pair for pair in request.query_params.multi_items() if pair[0] != "key"])
            response = _let_in(_place(scope) + (f"?{kept}" if kept else ""), self.key)
        elif _wants_page(request):
            response = key_page(f"This page needs the access key. {_WHERE_IT_IS}")
        else:
            response = error_response(
                401, "unauthorized", "expected the access key as `Authorization: Bearer …`, found none that is valid"
            )
        await response(scope, receive, send)


def _place(scope: Scope) -> str:
    """The path as it was asked for, still quoted; one leading slash, for two would lead to another host."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return "/" + raw.decode("latin-1").lstrip("/\\")


def _let_in(path: str, key: str) -> Response:
    response = RedirectResponse(path, status_code=303)
    response.set_cookie(COOKIE, key, httponly=True, samesite="lax", max_age=30 * 86_400)
    return response


def _wants_page(request: Request) -> bool:
    path: str = request.scope["path"]
    return not path.startswith(("/v1/", *PROBES)) and "text/html" in request.headers.get("accept", "")


def _told(request: Request, status: int, headers: Mapping[str, str]) -> str | None:
    """What was expected where a path or a method is none of ours, what was found, what to do."""
    path = request.scope["path"][:MOST_SHOWN]
    if status == 404:
        return f"expected the address of a page or a route under /v1, found {path}; check how it is written"
    if status == 405:
        allowed = " or ".join(sorted(headers.get("Allow", "another method").split(", ")))
        return f"expected {allowed} at {path}, found {request.method[:MOST_SHOWN]}; ask in that way"
    return None


def _in_words(
    request: Request,
    status: int,
    code: str,
    message: str,
    details: list[Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse | HTMLResponse:
    if _wants_page(request):
        page = error_page(status, "This cannot be shown", f"{message[:1].upper()}{message[1:]}.")
        page.headers.update(headers or {})
        return page
    return error_response(status, code, message, details, headers)


class _Everywhere:
    """BentoML answers the probes; all else is the mounted app's, and nothing of BentoML's is reachable beside it.

    2026-11-26: BentoML lets nobody in before its own tracing and log; the start of the whole app, which passes here
    before any request, is the one moment to lay `_Readable` around them.

    2026-11-27: its metrics count by path, so that whoever asks for ever new ones would fill the memory, and each
    account would be counted alone. They are shown the route instead; what lies within sees the path as it was asked.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.mounted = application(Path(os.environ.get("TENURE_HOME", ".tenure")))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            counts = stack = scope["app"].middleware_stack
            while not isinstance(counts, RunnerTrafficMetricsMiddleware):
                counts = counts.app
            counts.app = _AsAsked(counts.app)
            scope["app"].middleware_stack = _Readable(_ByRoute(stack, self.mounted.routes))
        if scope["type"] == "websocket":
            told = "expected a request of HTTP, found the opening of a WebSocket; there are none here"
            await WebSocket(scope, receive, send).send_denial_response(error_response(400, "malformed", told))
            return
        ours = scope["type"] == "http" and not (scope["path"] in PROBES and scope["method"] in ("GET", "HEAD"))
        await (self.mounted if ours else self.app)(scope, receive, send)


class _Readable:
    """Makes every header UTF-8, before BentoML's tracing and log read them: they fail at any other byte."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            scope["headers"] = [(name, _utf8(value)) for name, value in scope["headers"]]
        await self.app(scope, receive, send)


class _ByRoute:
    """Shows the route that answers in place of the path, and one word for every path that has none."""

    def __init__(self, app: ASGIApp, routes: list[BaseRoute]) -> None:
        self.app, self.routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            found = (route.path for route in self.routes if isinstance(route, Route | Mount) and _answers(route, scope))
            scope = {**scope, "path": next(found, "unknown"), _ASKED: scope["path"]}
        await self.app(scope, receive, send)


class _AsAsked:
    """Gives back the path that `_ByRoute` has hidden."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "path": scope[_ASKED]} if _ASKED in scope else scope, receive, send)


def _answers(route: BaseRoute, scope: Scope) -> bool:
    return route.matches(scope)[0] is not Match.NONE


def _utf8(value: bytes) -> bytes:
    try:
        value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1").encode()
    return value


@bentoml.service(name="tenure", traffic={"timeout": 30}, metrics={"enabled": True}, workers=1)
class Tenure:
    """Scores of record, what-if scores and the pages."""

    def __init__(self) -> None:
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)

    @bentoml.api(route="/bentoml/ping")  # type: ignore[untyped-decorator]
    def ping(self) -> str:
        """BentoML wants one method; it is not reachable from outside."""
        return "pong"


Tenure.add_asgi_middleware(_Everywhere)  # type: ignore[attr-defined]
