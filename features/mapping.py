"""How somebody else's export becomes the source tables: a TOML file, no Python per company.

```toml
connection = "../their-export"        # a folder of Parquet/CSV or a DuckDB file, relative to this file

[source.accounts]
relation = "customers"                # or sql = "SELECT ... FROM customers"
columns = { account_id = "customer_id", known_at = "signup_date", segment = "size" }
values.segment = { S = "smb", M = "mid_market", L = "enterprise" }
```
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from features.sources import SOURCES


class MappingError(ValueError):
    """A mapping file that cannot be used; the message lists every fault at once."""


class MappedSource(BaseModel):
    """Where one source table comes from: a relation of the warehouse or a SELECT in its own SQL."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    relation: str | None = None
    sql: str | None = None
    columns: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}

    @model_validator(mode="after")
    def one_origin(self) -> "MappedSource":
        if (self.relation is None) == (self.sql is None):
            raise ValueError("expected exactly one of `relation` and `sql`")
        return self


class Mapping(BaseModel):
    """A connection and, per source table, its origin; `bad_share` is the share of bad rows a load may have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: str
    bad_share: Annotated[float, Field(ge=0, le=1)] | None = None
    source: dict[str, MappedSource]

    @model_validator(mode="after")
    def known_names(self) -> "Mapping":
        faults = [
            f"source.{name}: not a source table; known are {', '.join(SOURCES)}"
            for name in self.source
            if name not in SOURCES
        ]
        for name, mapped in self.source.items():
            if name in SOURCES:
                known = {column.name for column in SOURCES[name].columns}
                faults += [
                    f"source.{name}: `{column}` is not a column of {name}; known are {', '.join(sorted(known))}"
                    for column in (*mapped.columns, *mapped.values)
                    if column not in known
                ]
        faults += [
            f"source.{name}: required, but not mapped"
            for name, source in SOURCES.items()
            if source.required and name not in self.source
        ]
        if faults:
            raise ValueError("\n".join(faults))
        return self


def read_mapping(path: Path) -> Mapping:
    """The mapping in a TOML file; `MappingError` with all faults if it cannot be used."""
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return Mapping.model_validate(document)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"{path} is not readable TOML: {error}") from error
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc']) or 'mapping'}: {line}"
            for fault in error.errors()
            for line in fault["msg"].removeprefix("Value error, ").splitlines()
        ]
        listed = "\n".join(f"  - {fault.removeprefix('mapping: ')}" for fault in faults)
        raise MappingError(
            f"{path} has {len(faults)} fault{'' if len(faults) == 1 else 's'}; mend them all, then run again:\n{listed}"
        ) from error
