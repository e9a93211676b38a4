"""Texts become moments and numbers alike on every engine: what names none is null, never a guess or an error."""

import ibis
import ibis.expr.types as ir

from features.engine import Engine


@ibis.udf.scalar.builtin(name="try_timestamptz", database="pg_temp", signature=(("string",), "timestamp('UTC')"))
def _try_time(text): ...  # type: ignore[no-untyped-def]


@ibis.udf.scalar.builtin(name="try_float8", database="pg_temp", signature=(("string",), "float64"))
def _try_number(text): ...  # type: ignore[no-untyped-def]


BEYOND = 1e300
"""A number from here on, and what is no number, is none."""

_ISO = r"^\d{4}-\d{1,2}-\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?$"
"""A day, or a moment with its offset from UTC; a zone's name, PM and all else are read in other ways elsewhere."""
_DECIMAL = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


NOTHING = ("", "NULL", "N/A", r"\N")
"""How exports write that there is nothing. Not `NA`, `None` or `null`: a region, a plan and an id may be called so."""


_LONGEST = 9 * 10**18
"""An integer up to here has a type on every engine."""


def stated(text: ir.StringValue) -> ir.StringValue:
    """A text, null where it says nothing."""
    return ibis.cases((~text.strip().isin(NOTHING), text))


def read_id(cell: ir.Value) -> ir.StringValue:
    """An id as text; of an integer that an empty cell beside it made a float, 17.0, the integer's."""
    text = stated(cell.cast("string"))
    if not (cell.type().is_floating() or cell.type().is_decimal()):
        return text
    whole = ibis.cases((cell.abs() < _LONGEST, cell)).cast("int64")
    return ibis.cases((whole == cell, whole.cast("string")), (cell.abs() < BEYOND, text))


def read_time(engine: Engine, text: ir.StringValue) -> ir.TimestampValue:
    """The UTC moment that an ISO 8601 text names, null where it names none; alike on every engine."""
    text = text.strip().re_replace(r"\s*(Z|z|UTC)$", "Z").re_replace(r"\s+([+-]\d{2}(:?\d{2})?)$", r"\1")
    plain = ibis.cases((text.re_search(_ISO), text))
    moment = _try_time(plain) if engine.dialect == "postgres" else plain.try_cast("timestamp('UTC')")
    return moment.cast("timestamp")


def read_number(engine: Engine, text: ir.StringValue) -> ir.FloatingValue:
    """The number that a decimal text states, null where it states none; alike on every engine."""
    plain = ibis.cases((text.re_search(_DECIMAL), text))
    return _try_number(plain) if engine.dialect == "postgres" else plain.try_cast("float64")
