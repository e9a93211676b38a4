"""What a caller asks, read strictly: a body, rows of features, a query. Whatever makes no sense is `Refused`."""

import asyncio
import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

from features.catalogue import CATALOGUE
from features.feature import Unit
from features.segments import SIZES

MOST_ROWS, MOST_BYTES, MOST_SHOWN = 1_000, 2_000_000, 200
LARGEST = 1e300
"""The largest number of a row; beyond it products with it are no numbers any more."""
READ_SECONDS = 20.0


class Refused(Exception):
    """A request that cannot be answered; becomes the one shape of error."""

    def __init__(self, status: int, code: str, message: str, details: list[Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details or []


def wrong(expected: str, found: object) -> Refused:
    """The refusal of what is well-formed and makes no sense."""
    return Refused(422, "invalid", f"expected {expected}, found {_shown(found)}")


async def content(request: Request, most: int = MOST_BYTES) -> bytes:
    """The body, of at most so many bytes; refused if it is larger, comes too slowly or breaks off."""
    chunks, size = [], 0
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise Refused(413, "too_large", f"expected a body of at most {most} bytes; send less at a time")
                chunks.append(chunk)
    except TimeoutError as error:
        told = f"expected the whole body within {READ_SECONDS:.0f} seconds, found {size} bytes; send it again"
        raise Refused(408, "too_slow", told) from error
    except ClientDisconnect as error:
        raise Refused(400, "malformed", f"expected the whole body, found its end after {size} bytes") from error
    return b"".join(chunks)


async def json_body(request: Request, names: set[str]) -> dict[str, Any]:
    """The JSON object of a body, with exactly these fields; its text and its numbers can be said again in JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        found = kind[:MOST_SHOWN] or "no content type"
        raise Refused(415, "unsupported_media_type", f"expected application/json, found {found}")
    written = await content(request)
    try:
        body = json.loads(written, parse_constant=_no_constant)
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        told = f"expected text that UTF-8 can say, found half a character: {error.object[error.start]!a}"
        raise Refused(400, "malformed", told) from error
    except ValueError as error:
        raise Refused(400, "malformed", f"expected a JSON object, found something that is not JSON: {error}") from error
    except RecursionError as error:
        told = "expected a JSON object, found one with far too many brackets inside each other"
        raise Refused(400, "malformed", told) from error
    if not isinstance(body, dict):
        raise Refused(400, "malformed", f"expected a JSON object, found {_shown(body)}")
    missing, extra = sorted(names - set(body)), sorted(set(body) - names)
    if missing or extra:
        faults = ([f"{', '.join(missing)} missing"] if missing else []) + (
            [f"unknown {', '.join(extra)}"] if extra else []
        )
        raise wrong(f"the fields {', '.join(sorted(names))}", "; ".join(faults))
    return body


def feature_rows(rows: Any) -> list[dict[str, object]]:
    """Rows that a caller built: features of the catalogue alone, each of its kind or null."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise wrong("`rows` to be a list of objects {feature: value}", rows)
    if not 1 <= len(rows) <= MOST_ROWS:
        raise wrong(f"1 to {MOST_ROWS} rows", f"{len(rows)} of them")
    unknown = sorted({name for row in rows for name in row if name not in CATALOGUE})
    if unknown:
        raise Refused(
            422,
            "unknown_features",
            "expected features of the catalogue (GET /v1/model lists them), "
            f"found {_shown(', '.join(unknown))}; correct or leave out these names",
            unknown,
        )
    faults = [
        {
            "row": number,
            "feature": name,
            "value": value if isinstance(value, (int, float)) else _shown(value),
            "expected": _kind(name),
        }
        for number, row in enumerate(rows)
        for name, value in row.items()
        if value is not None and not _fits(name, value)
    ]
    if faults:
        are = "is" if len(faults) == 1 else "are"
        told = f"expected each value to be of its feature's kind, found {len(faults)} that {are} not; see details"
        raise Refused(422, "wrong_values", told, faults[:20])
    large = {name for row in rows for name, one in row.items() if isinstance(one, (int, float)) and abs(one) > LARGEST}
    if large:
        raise wrong(f"numbers up to {LARGEST:g}", f"a larger one in {', '.join(sorted(large))}")
    return rows


def query(request: Request, names: set[str]) -> dict[str, str]:
    """The parameters that are given; refused if one is not of these."""
    unknown = sorted(set(request.query_params) - names)
    if unknown:
        raise wrong(f"the parameters {', '.join(sorted(names)) or '(none)'}", f"also {', '.join(unknown)}")
    twice = sorted({name for name in names if len(request.query_params.getlist(name)) > 1})
    if twice:
        raise wrong("each parameter once", f"more than one {', '.join(twice)}")
    return {name: value for name, value in request.query_params.items() if value}


def choice(asked: dict[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    """A parameter that is one of few words; None if it is not given."""
    value = asked.get(name)
    if value is not None and value not in choices:
        raise wrong(f"`{name}` to be one of {', '.join(choices)}", value)
    return value


def count(asked: dict[str, str], name: str, usual: int, most: int) -> int:
    """A parameter that is a number from 1 to `most`, with no more digits than that has."""
    value = asked.get(name, str(usual))
    if not (value.isascii() and value.isdigit() and len(value) <= len(str(most)) and 1 <= int(value) <= most):
        raise wrong(f"`{name}` to be a number from 1 to {most}", value)
    return int(value)


def _fits(name: str, value: object) -> bool:
    if name == "segment":
        return value in SIZES
    if CATALOGUE[name].unit is Unit.CATEGORY:
        return isinstance(value, str)
    return isinstance(value, (int, float)) and (not isinstance(value, bool) or CATALOGUE[name].unit is Unit.FLAG)


def _kind(name: str) -> str:
    if name == "segment":
        return f"one of {', '.join(SIZES)}, or null"
    return "text or null" if CATALOGUE[name].unit is Unit.CATEGORY else "number or null"


def _shown(value: object) -> str:
    """A value as an error repeats it: what holds others by its kind, all else as far as a line goes."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    return (value if isinstance(value, str) else json.dumps(value))[:MOST_SHOWN]


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
