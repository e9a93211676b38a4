"""Engines that are served: a PostgreSQL server and a Spark cluster run the same expressions where the data are."""

import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import ibis
import ibis.expr.types as ir

from features.engine import RETRIES, Engine, EngineError, first_line, without_password


def served(location: str) -> tuple[Engine, dict[str, ir.Table]]:
    """The engine at a `postgres://` or `spark://` location, and its relations by name.

    `postgres://user@host:5432/database/schema`: the tables and views of the schema (default: the search path). The
    password comes from the location, `PGPASSWORD` or a password file. `spark://host:7077/database` are the tables of
    a catalogue database, `spark://host:7077?folder=s3a://bucket/export` the Parquet folders and files named after
    the source tables; further `spark.*` parameters configure the session. Raises `EngineError`.
    """
    if location.startswith("spark://"):
        return _on_spark(location)
    return _on_postgres(location)


def _on_postgres(location: str) -> tuple[Engine, dict[str, ir.Table]]:
    try:
        import psycopg
    except ImportError as error:
        raise EngineError("PostgreSQL needs an extra; install it with: pip install 'tenure[postgres]'") from error
    first: Exception | None = None
    for seconds in (0.0, *RETRIES):
        time.sleep(seconds)
        try:
            connection = ibis.connect(location)
            _prepared(connection)
        except psycopg.OperationalError as error:
            first = error
            if "authentication" in str(error) or "does not exist" in str(error):
                break
            continue
        lost = (psycopg.OperationalError, psycopg.InterfaceError)
        engine = Engine(connection, "postgres", (psycopg.Error,), lost, _prepared)
        return engine, {name: connection.table(name) for name in _relations(connection, location)}
    raise EngineError(f"{without_password(location)} cannot be reached: {first_line(first)}") from first


def _relations(connection: ibis.BaseBackend, location: str) -> list[str]:
    """The tables and views of the schema, also those that this role may not read; `EngineError` if there is none."""
    wanted = urlsplit(location).path.strip("/").partition("/")[2].strip("/")
    with connection.raw_sql("SELECT current_schema()") as cursor:
        (schema,) = cursor.fetchone()
    if schema is None or (wanted and schema != unquote(wanted)):
        with connection.raw_sql("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1") as cursor:
            there = ", ".join(name for (name,) in cursor.fetchall() if name != "information_schema")
        connection.disconnect()
        raise EngineError(
            f"{without_password(location)}: there is no schema {unquote(wanted) or 'in the search path'} that can be "
            f"reached (a name with capitals cannot); there are {there}"
        )
    with connection.raw_sql(
        "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1"
    ) as cursor:
        return [name for (name,) in cursor.fetchall()]


def _on_spark(location: str) -> tuple[Engine, dict[str, ir.Table]]:
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise EngineError("Spark needs an extra and Java 17; install it with: pip install 'tenure[spark]'") from error
    parts = urlsplit(location)
    asked = dict(parse_qsl(parts.query))
    folder = asked.pop("folder", None)
    if unknown := [name for name in asked if not name.startswith("spark.")]:
        raise EngineError(f"{location}: {', '.join(unknown)} is not known; expected folder or a spark.* setting")
    settings = {"spark.ui.enabled": "false", "spark.sql.ansi.enabled": "true", "spark.sql.session.timeZone": "UTC"}
    settings |= {"spark.ui.showConsoleProgress": "false"}
    if parts.hostname in ("127.0.0.1", "localhost", "::1"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        settings |= {"spark.driver.host": "127.0.0.1"}
    builder = SparkSession.builder.master(f"spark://{parts.netloc}").appName("tenure")
    try:
        session = builder.config(map=dict[str, Any](settings | asked)).getOrCreate()
        connection = ibis.pyspark.connect(session)
        engine = Engine(connection, "pyspark", (PySparkException, Py4JError))
        if folder is not None:
            return engine, _in_folder(connection, session, folder)
        if parts.path.strip("/"):
            session.sql(f"USE `{parts.path.strip('/')}`")
        return engine, {name: connection.table(name) for name in connection.list_tables()}
    except (PySparkException, Py4JError) as error:
        raise EngineError(f"{location} cannot be used: {first_line(error)}") from error


def _in_folder(connection: ibis.BaseBackend, session: Any, folder: str) -> dict[str, ir.Table]:
    """The Parquet relations of a folder that the cluster can read, by name."""
    place = session._jvm.org.apache.hadoop.fs.Path(folder)
    files = place.getFileSystem(session._jsc.hadoopConfiguration())
    if not files.exists(place):
        raise EngineError(f"{folder} does not exist on the cluster; expected a folder of Parquet tables")
    names = [str(status.getPath().getName()) for status in files.listStatus(place)]
    tables = {Path(name).stem: name for name in sorted(names) if not name.startswith((".", "_"))}
    found = {}
    for name, file in tables.items():
        session.read.parquet(f"{folder.rstrip('/')}/{file}").createOrReplaceTempView(f"given_{name}")
        found[name] = connection.table(f"given_{name}")
    return found


def _prepared(connection: ibis.BaseBackend) -> None:
    """Functions that PostgreSQL lacks: a cast that is null where it fails, for this session only.

    Raises `EngineError` where the role may make nothing of its own.
    """
    import psycopg

    try:
        for kind in ("timestamptz", "float8"):
            connection.raw_sql(
                f"CREATE OR REPLACE FUNCTION pg_temp.try_{kind}(text) RETURNS {kind} LANGUAGE plpgsql IMMUTABLE STRICT "
                f"AS $$ BEGIN RETURN $1::{kind}; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$"
            ).close()
    except psycopg.ProgrammingError as error:
        database, role = connection.con.info.dbname, connection.con.info.user
        connection.disconnect()
        raise EngineError(
            f"the database {database} does not let {role} make temporary tables and functions ({first_line(error)}); "
            f'its owner may run: GRANT TEMPORARY ON DATABASE "{database}" TO "{role}"'
        ) from error
