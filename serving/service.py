"""The service: BentoML keeps lifecycle, health and metrics; one mounted app serves the API and the pages.

Hot routes live in the mounted app, where a request costs half of what a BentoML API method does.
"""

import gc
import os
from pathlib import Path
from urllib.parse import quote, urlencode

os.environ["BENTOML_DO_NOT_TRACK"] = "True"

import bentoml
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.access import COOKIE, access_key, admits, is_open, presented
from serving.api import Refused, api_routes, error_response
from serving.ledger import open_ledger
from serving.page import error_page, key_page, page_routes
from serving.playbooks import load_playbooks
from serving.shelf import BadCursor, Shelf
from serving.tiers import load_tiers
from training.model import Model
from training.outcomes import OUTCOMES
from training.registry import champion

_CODES = {400: "malformed", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}


def application(home: Path) -> Starlette:
    """The API and the pages over the ledger and the champions under `home`."""
    playbooks, tiers = load_playbooks(), load_tiers()
    models: dict[str, Model] = {name: model for name in OUTCOMES if (model := champion(home, name)) is not None}
    shelf = Shelf(open_ledger(home))
    shelf.run()
    key = access_key(home)

    async def enter(request: Request) -> Response:
        async with request.form(max_files=0, max_fields=4) as form:
            shown = str(form.get("key", "")).strip()
        if not admits(key, shown):
            return key_page("That key does not open this service. `tenure serve` prints the address that holds it.")
        return _let_in("/", key)

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return error_response(error.status, error.code, error.message, error.details)

    async def bad_cursor(request: Request, error: Exception) -> Response:
        return _in_words(request, 422, "bad_cursor", str(error))

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _in_words(request, error.status_code, _CODES.get(error.status_code, "refused"), str(error.detail))

    return Starlette(
        routes=[
            Route("/key", enter, methods=["POST"]),
            *api_routes(shelf, models, playbooks, tiers),
            *page_routes(shelf, playbooks),
        ],
        middleware=[Middleware(_Gate, key=key)],
        exception_handlers={Refused: refused, BadCursor: bad_cursor, HTTPException: http_error},
    )


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
            response = key_page("This page needs the access key. `tenure serve` prints the address that holds it.")
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
    return not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


def _in_words(request: Request, status: int, code: str, message: str) -> JSONResponse | HTMLResponse:
    if _wants_page(request):
        return error_page(status, "This cannot be shown", message)
    return error_response(status, code, message)


class _Everywhere:
    """BentoML answers the probes; all else is the mounted app's, and nothing of BentoML's is reachable beside it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.mounted = application(Path(os.environ.get("TENURE_HOME", ".tenure")))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        probe = scope["type"] != "http" or scope["path"] in ("/livez", "/readyz", "/healthz", "/metrics")
        await (self.app if probe else self.mounted)(scope, receive, send)


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
