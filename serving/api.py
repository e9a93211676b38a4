"""The JSON routes under /v1: fast, strict, one shape of error."""

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from features.catalogue import CATALOGUE, FAMILY_OF
from features.feature import Unit
from features.segments import SIZES
from serving.brief import Brief, milestone_document
from serving.page import SORTS
from serving.playbooks import TIERS, Playbooks
from serving.score import score_document
from serving.scoring import score_row
from serving.shelf import BadCursor, Shelf
from serving.tiers import Tiers
from training.model import Model
from training.outcomes import OUTCOMES

MOST_ACCOUNTS, MOST_ROWS, MOST_BYTES = 1_000, 1_000, 2_000_000
Handler = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """A request that cannot be answered; becomes the one shape of error."""

    def __init__(self, status: int, code: str, message: str, details: list[Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details or []


def error_response(status: int, code: str, message: str, details: list[Any] | None = None) -> JSONResponse:
    """`{"error": {"code", "message", "details"}}`."""
    return JSONResponse({"error": {"code": code, "message": message, "details": details or []}}, status)


def brief_document(brief: Brief) -> dict[str, Any]:
    """A brief as JSON has it; evidence only where it was read."""
    document: dict[str, Any] = {
        "account_id": brief.account_id,
        "name": brief.name,
        "owner": brief.owner or None,
        "as_of": brief.as_of.isoformat(),
        "segment": asdict(brief.segment),
        "arr": brief.arr,
        "days_to_renewal": brief.days_to_renewal,
        "health": brief.health,
        "coverage": brief.coverage,
        "blind": list(brief.blind),
        "scores": [score_document(score) for score in brief.scores],
    }
    if brief.milestones:
        document["milestones"] = [milestone_document(step) for step in brief.milestones]
    if brief.evidence:
        document["evidence"] = [asdict(row) for row in brief.evidence]
    return document


def api_routes(shelf: Shelf, models: Mapping[str, Model], playbooks: Playbooks, tiers: Tiers) -> list[BaseRoute]:
    """Every route under /v1. `models` are the champions by outcome."""

    async def score(request: Request) -> Response:
        body = await _body(request, {"accounts"})
        accounts = body["accounts"]
        if not isinstance(accounts, list) or not all(isinstance(one, str) for one in accounts):
            raise _wrong("`accounts` to be a list of account ids (text)", body["accounts"])
        if not 1 <= len(accounts) <= MOST_ACCOUNTS:
            raise _wrong(f"1 to {MOST_ACCOUNTS} accounts", f"{len(accounts)} of them")
        found, unknown = await run_in_threadpool(shelf.briefs, accounts)
        return JSONResponse({"briefs": [brief_document(brief) for brief in found], "unknown": unknown})

    async def score_features(request: Request) -> Response:
        body = await _body(request, {"outcome", "rows"})
        model = _model(models, body["outcome"])
        rows = _rows(body["rows"])
        scored = await run_in_threadpool(_scored, model, rows, playbooks, tiers)
        return JSONResponse({"scores": scored})

    async def book(request: Request) -> Response:
        asked = _query(request, {"owner", "segment", "tier", "outcome", "sort", "limit", "cursor"})
        limit = asked.get("limit", "50")
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= 500):
            raise _wrong("`limit` to be a number from 1 to 500", limit)
        outcome = _choice(asked, "outcome", tuple(OUTCOMES)) or "churn"
        try:
            found = await run_in_threadpool(
                shelf.book,
                owner=asked.get("owner"),
                segment=_choice(asked, "segment", SIZES),
                tier=_choice(asked, "tier", TIERS),
                outcome=outcome,
                sort=_choice(asked, "sort", tuple(SORTS)) or "arr_at_stake",
                limit=int(limit),
                cursor=asked.get("cursor"),
            )
        except BadCursor as error:
            raise Refused(422, "bad_cursor", str(error)) from error
        return JSONResponse(
            {
                "as_of": found.as_of.isoformat() if found.as_of else None,
                "outcome": outcome,
                "briefs": [brief_document(brief) for brief in found.briefs],
                "totals": asdict(found.totals),
                "tier_rule": tiers.model_dump(),
                "withheld": found.withheld,
                "next_cursor": found.next_cursor,
            }
        )

    async def account(request: Request) -> Response:
        _query(request, set())
        brief = await run_in_threadpool(shelf.brief, request.path_params["account_id"])
        if brief is None:
            raise _unknown_account(request)
        return JSONResponse(brief_document(brief))

    async def history(request: Request) -> Response:
        if not request.scope.get("raw_path", b"/history").endswith(
            b"/history"
        ):  # the id ends so: its slash came encoded
            request.path_params["account_id"] += "/history"
            return await account(request)
        _query(request, set())
        past = await run_in_threadpool(shelf.history, request.path_params["account_id"])
        if not past:
            raise _unknown_account(request)
        return JSONResponse({"scores": [score_document(score) for score in past]})

    async def model(request: Request) -> Response:
        _query(request, set())
        return JSONResponse({"models": [model_document(one) for one in models.values()]})

    async def playbook_list(request: Request) -> Response:
        _query(request, set())
        return JSONResponse({"playbooks": [asdict(playbook) for playbook in playbooks.rows]})

    routes: list[tuple[str, str, Handler]] = [
        ("/v1/score", "POST", score),
        ("/v1/score/features", "POST", score_features),
        ("/v1/book", "GET", book),
        ("/v1/accounts/{account_id:path}/history", "GET", history),
        ("/v1/accounts/{account_id:path}", "GET", account),
        ("/v1/model", "GET", model),
        ("/v1/playbooks", "GET", playbook_list),
    ]
    return [Route(path, handler, methods=[method]) for path, method, handler in routes]


def model_document(model: Model) -> dict[str, Any]:
    """What a caller must know of a model: version, training window, and every feature with its words and unit."""
    return {
        "outcome": model.outcome,
        "version": model.version,
        "horizon_days": model.horizon_days,
        "trained_until": model.until,
        "base_rate": model.base_rate,
        "calibration": asdict(model.line),
        "features": [
            {
                "name": name,
                "family": FAMILY_OF[name],
                "label": CATALOGUE[name].label,
                "words": CATALOGUE[name].words,
                "unit": CATALOGUE[name].unit.value,
                "reason": CATALOGUE[name].reason.value,
                "categories": list(model.encoding.categories.get(name, ())) or None,
            }
            for name in model.encoding.features
        ],
    }


def _scored(model: Model, rows: list[dict[str, object]], playbooks: Playbooks, tiers: Tiers) -> list[dict[str, Any]]:
    matrix = model.encoding.row_matrix(rows)
    answers = model.answers(matrix, threads=1)
    found = []
    for number, row in enumerate(rows):
        known = sum(name in row and row[name] is not None for name in model.encoding.features)
        share = known / len(model.encoding.features)
        made = score_row(model, answers, number, row, playbooks, tiers, as_of=date.min, coverage=share)
        document = score_document(made)
        found.append({name: document[name] for name in document if name not in ("account_id", "as_of", "coverage")})
    return found


def _rows(rows: Any) -> list[dict[str, object]]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _wrong("`rows` to be a list of objects {feature: value}", rows)
    if not 1 <= len(rows) <= MOST_ROWS:
        raise _wrong(f"1 to {MOST_ROWS} rows", f"{len(rows)} of them")
    unknown = sorted({name for row in rows for name in row if name not in CATALOGUE})
    if unknown:
        raise Refused(
            422,
            "unknown_features",
            f"expected features of the catalogue (GET /v1/model lists them), found {', '.join(unknown[:20])}; "
            "correct or leave out these names",
            unknown,
        )
    faults = [
        {"row": number, "feature": name, "value": value, "expected": "text or null" if wants_text else "number or null"}
        for number, row in enumerate(rows)
        for name, value in row.items()
        if value is not None
        and (
            not isinstance(value, str)
            if (wants_text := CATALOGUE[name].unit is Unit.CATEGORY)
            else not isinstance(value, (int, float))
        )
    ]
    if faults:
        raise Refused(422, "wrong_values", f"{len(faults)} values are of the wrong type; see details", faults[:20])
    too_large = [name for row in rows for name, value in row.items() if isinstance(value, int) and abs(value) > 1e300]
    if too_large:
        raise _wrong("numbers up to 1e300", f"a larger one in {', '.join(sorted(set(too_large)))}")
    return rows


async def _body(request: Request, names: set[str]) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "unsupported_media_type", f"expected application/json, found {kind or 'no content type'}")
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MOST_BYTES:
            raise Refused(413, "too_large", f"expected a body of at most {MOST_BYTES} bytes; send fewer at a time")
        chunks.append(chunk)
    try:
        body = json.loads(b"".join(chunks), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "malformed", f"expected a JSON object, found something that is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refused(400, "malformed", f"expected a JSON object, found {type(body).__name__}")
    if not _all_finite(body):
        raise Refused(400, "malformed", "expected finite numbers, found one too large for a float")
    missing, extra = sorted(names - set(body)), sorted(set(body) - names)
    if missing or extra:
        faults = ([f"{', '.join(missing)} missing"] if missing else []) + (
            [f"unknown {', '.join(extra)}"] if extra else []
        )
        raise _wrong(f"the fields {', '.join(sorted(names))}", "; ".join(faults))
    return body


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _all_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_all_finite, value.values()))
    return all(map(_all_finite, value)) if isinstance(value, list) else True


def _query(request: Request, names: set[str]) -> dict[str, str]:
    unknown = sorted(set(request.query_params) - names)
    if unknown:
        raise _wrong(f"the parameters {', '.join(sorted(names)) or '(none)'}", f"also {', '.join(unknown)}")
    return {name: value for name, value in request.query_params.items() if value}


def _choice(asked: dict[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    value = asked.get(name)
    if value is not None and value not in choices:
        raise _wrong(f"`{name}` to be one of {', '.join(choices)}", value)
    return value


def _model(models: Mapping[str, Model], outcome: Any) -> Model:
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        raise _wrong(f"`outcome` to be one of {', '.join(OUTCOMES)}", outcome)
    if outcome not in models:
        raise Refused(409, "no_champion", f"no model of {outcome} has been promoted; run `tenure promote {outcome}`")
    return models[outcome]


def _unknown_account(request: Request) -> Refused:
    account_id = request.path_params["account_id"]
    return Refused(
        404, "unknown_account", f"expected the id of a scored account, found {account_id!r}; see GET /v1/book"
    )


def _wrong(expected: str, found: object) -> Refused:
    return Refused(422, "invalid", f"expected {expected}, found {str(found)[:200]}")
