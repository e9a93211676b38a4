"""The JSON routes under /v1: fast, strict, one shape of error."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from features.odds import sigmoid
from features.segments import SIZES
from serving.asked import MOST_SHOWN, Refused, choice, count, feature_rows, json_body, query, wrong
from serving.brief import Brief, milestone_document, note_document
from serving.champions import Champions
from serving.page import SORTS
from serving.playbooks import TIERS, Playbooks
from serving.score import score_document
from serving.scoring import growth_waits, score_row
from serving.shelf import BadCursor, Shelf
from serving.tiers import Tiers
from training.model import Model
from training.outcomes import OUTCOMES

MOST_ACCOUNTS, MOST_BRIEFS = 1_000, 500
Handler = Callable[[Request], Awaitable[Response]]


def error_response(
    status: int,
    code: str,
    message: str,
    details: list[Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """`{"error": {"code", "message", "details"}}`."""
    return JSONResponse({"error": {"code": code, "message": message, "details": details or []}}, status, headers)


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
    if brief.notes:
        document["notes"] = [note_document(note) for note in brief.notes]
    if brief.growth_waits:
        document["growth_waits"] = brief.growth_waits
    if brief.evidence:
        document["evidence"] = [asdict(row) for row in brief.evidence]
    return document


def api_routes(shelf: Shelf, champions: Champions, playbooks: Playbooks, tiers: Tiers) -> list[BaseRoute]:
    """Every route under /v1."""

    async def score(request: Request) -> Response:
        body = await json_body(request, {"accounts"})
        accounts = body["accounts"]
        if not isinstance(accounts, list) or not all(isinstance(one, str) for one in accounts):
            raise wrong("`accounts` to be a list of account ids (text)", body["accounts"])
        if not 1 <= len(accounts) <= MOST_ACCOUNTS:
            raise wrong(f"1 to {MOST_ACCOUNTS} accounts", f"{len(accounts)} of them")
        found, unknown = await run_in_threadpool(shelf.briefs, accounts)
        run = await run_in_threadpool(shelf.run)
        noticed = [one for one in unknown if run is not None and one in run.noticed]
        unknown = [one for one in unknown if one not in noticed]
        briefs = [brief_document(brief) for brief in found]
        return JSONResponse({"briefs": briefs, "notice_given": noticed, "unknown": unknown})

    async def score_features(request: Request) -> Response:
        body = await json_body(request, {"outcome", "rows"})
        models = {outcome: one.model for outcome, one in (await run_in_threadpool(champions.now)).items()}
        model = _model(models, body["outcome"])
        rows = feature_rows(body["rows"])
        scored = await run_in_threadpool(_scored, models, model, rows, playbooks, tiers)
        return JSONResponse({"scores": scored})

    async def book(request: Request) -> Response:
        asked = query(request, {"owner", "segment", "tier", "outcome", "sort", "limit", "cursor"})
        outcome = choice(asked, "outcome", tuple(OUTCOMES)) or "churn"
        try:
            found = await run_in_threadpool(
                shelf.book,
                owner=asked.get("owner"),
                segment=choice(asked, "segment", SIZES),
                tier=choice(asked, "tier", TIERS),
                outcome=outcome,
                sort=choice(asked, "sort", tuple(SORTS)) or "arr_at_stake",
                limit=count(asked, "limit", 50, MOST_BRIEFS),
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
                "noticed": found.noticed,
                "noticed_arr": found.noticed_arr,
                "next_cursor": found.next_cursor,
            }
        )

    async def one_brief(account_id: str) -> Response:
        brief = await run_in_threadpool(shelf.brief, account_id)
        if brief is None:
            run = await run_in_threadpool(shelf.run)
            raise _unknown_account(account_id, noticed=run is not None and account_id in run.noticed)
        return JSONResponse(brief_document(brief))

    async def account(request: Request) -> Response:
        query(request, set())
        return await one_brief(request.path_params["account_id"])

    async def history(request: Request) -> Response:
        query(request, set())
        account_id = request.path_params["account_id"]
        if not request.scope.get("raw_path", b"/history").endswith(b"/history"):
            return await one_brief(f"{account_id}/history")  # the id ends so: its slash came encoded
        past = await run_in_threadpool(shelf.history, account_id)
        if not past:
            raise _unknown_account(account_id)
        return JSONResponse({"scores": [score_document(score) for score in past]})

    async def model(request: Request) -> Response:
        query(request, set())
        now = await run_in_threadpool(champions.now)
        return JSONResponse({"models": [one.document for one in now.values()]})

    async def playbook_list(request: Request) -> Response:
        query(request, set())
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


def _scored(
    models: Mapping[str, Model], model: Model, rows: list[dict[str, object]], playbooks: Playbooks, tiers: Tiers
) -> list[dict[str, Any]]:
    """What-if scores; an offer to grow waits for what the other champions say of the rows, as it does of record."""
    matrix = model.encoding.row_matrix(rows)
    answers = model.answers(matrix, threads=1)
    waits = _growth_waits(models, rows, tiers) if model.outcome == "expansion" else [""] * len(rows)
    found = []
    for number, row in enumerate(rows):
        known = sum(name in row and row[name] is not None for name in model.encoding.features)
        share = known / len(model.encoding.features)
        made = score_row(model, answers, number, row, playbooks, tiers, as_of=date.min, coverage=share)
        if waits[number]:
            made = replace(made, playbooks=())
        document = score_document(made)
        found.append({name: document[name] for name in document if name not in ("account_id", "as_of", "coverage")})
    return found


def _growth_waits(models: Mapping[str, Model], rows: list[dict[str, object]], tiers: Tiers) -> list[str]:
    """Why each row would get no offer to grow, by what the champions of the other outcomes say of it."""
    found: list[dict[str, str]] = [{} for _ in rows]
    for outcome, model in models.items():
        if outcome != "expansion":
            shares, base = model.contributions(model.encoding.row_matrix(rows), threads=1)
            for tier_of, probability in zip(found, sigmoid(base + shares.sum(axis=1)).tolist(), strict=True):
                tier_of[outcome] = tiers.tier(probability, model)
    return [growth_waits(tier_of, row) for tier_of, row in zip(found, rows, strict=True)]


def _model(models: Mapping[str, Model], outcome: Any) -> Model:
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        raise wrong(f"`outcome` to be one of {', '.join(OUTCOMES)}", outcome)
    if outcome not in models:
        raise Refused(409, "no_champion", f"no model of {outcome} has been promoted; run `tenure promote {outcome}`")
    return models[outcome]


def _unknown_account(account_id: str, *, noticed: bool = False) -> Refused:
    found = account_id[:MOST_SHOWN]
    if noticed:
        told = f"{found!r} has given notice: its leaving is no forecast, and it gets no score"
        return Refused(404, "notice_given", told)
    return Refused(404, "unknown_account", f"expected the id of a scored account, found {found!r}; see GET /v1/book")
