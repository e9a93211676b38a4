"""Real engines for the tests and the benchmarks: a PostgreSQL server and a Spark cluster, on loopback only.

Each is started by a context and ended with it; `make long` installs what they need (.ci/system.sh engines).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path

QUICK = "spark.sql.shuffle.partitions=4&spark.sql.codegen.wholeStage=false&spark.sql.codegen.factoryMode=NO_CODEGEN"
"""For data that are small for a cluster: few partitions, and no code compiled for each of a hundred queries."""

START_SECONDS = 90
"""So long a server may take to answer."""


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """An empty PostgreSQL server with its data under `folder`; yields its `postgres://` location."""
    found = [shutil.which("initdb"), *sorted(glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)]
    initdb = next((Path(path) for path in found if path), None)
    if initdb is None:
        raise FileNotFoundError("PostgreSQL's initdb is not installed; run: sh .ci/system.sh engines")
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []  # the server refuses to run as root
    data = folder / "data"
    data.mkdir(parents=True)
    if as_user:
        shutil.chown(data, "postgres")
        for above in (folder, *folder.parents):
            if above.stat().st_uid == os.getuid() and not above.stat().st_mode & 0o001:
                above.chmod(above.stat().st_mode | 0o011)
    quiet = subprocess.DEVNULL
    command = [*as_user, str(initdb), "-D", str(data), "-U", "tenure", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
    subprocess.run([*command, "--no-sync"], check=True, stdout=quiet, cwd="/")
    port = free_port()
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    server = subprocess.Popen(
        [*as_user, str(initdb.with_name("postgres")), "-D", str(data), *options], stdout=quiet, stderr=quiet, cwd="/"
    )
    try:
        _wait_for(port, server)
        yield f"postgres://tenure@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def spark_cluster(folder: Path, workers: int = 2) -> Iterator[str]:
    """A standalone Spark master and `workers` of one core and 1 GB each; yields its `spark://` address."""
    import pyspark

    if shutil.which("java") is None:
        raise FileNotFoundError("Java 17 is not installed; run: sh .ci/system.sh engines")
    folder.mkdir(parents=True, exist_ok=True)
    home = Path(pyspark.__file__).parent
    port, page = free_port(), free_port()
    environment = os.environ | {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_WORKER_DIR": str(folder / "work"),
        "PYSPARK_PYTHON": sys.executable,
    }
    start = [str(home / "bin" / "spark-class")]
    node = ["--host", "127.0.0.1"]
    log = (folder / "cluster.log").open("wb")
    master = [*start, "org.apache.spark.deploy.master.Master", *node, "--port", str(port), "--webui-port", str(page)]
    ran = [subprocess.Popen(master, env=environment, stdout=log, stderr=log)]
    address = f"spark://127.0.0.1:{port}"
    try:
        _wait_for(port, ran[0])
        for _ in range(workers):
            worker = [*start, "org.apache.spark.deploy.worker.Worker", *node, "--cores", "1", "--memory", "1g"]
            worker += ["--webui-port", str(free_port()), address]
            ran.append(subprocess.Popen(worker, env=environment, stdout=log, stderr=log))
        yield address
    finally:
        for process in reversed(ran):
            process.terminate()
        for process in ran:
            process.wait(30)
        log.close()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until the port answers; `RuntimeError` if the server ended, `TimeoutError` if it never answered."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode} before it answered on port {port}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing answered on port {port} within {START_SECONDS} s")


def another_database(server: str, name: str, *settings: str) -> str:
    """An empty database of its own on the server, after which its `settings` are run there; yields its location."""
    import psycopg

    location = f"{server.rpartition('/')[0]}/{name}"
    sorts = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"  # a before B, as people sort
    for where, texts in ((server, [f'CREATE DATABASE "{name}" {sorts}']), (location, settings)):
        with psycopg.connect(where, autocommit=True) as control:
            for text in texts:
                control.execute(text.encode())
    return location


def load_postgres(server: str, folder: Path) -> str:
    """Every Parquet file of a folder as a table of a schema of its own; yields the location of that schema."""
    import ibis
    import pandas as pd

    connection = ibis.connect(server)
    schema = f"s{len(connection.list_databases())}"
    connection.create_database(schema)
    for file in sorted(folder.glob("*.parquet")):
        connection.create_table(file.stem, pd.read_parquet(file), database=schema)
    connection.disconnect()
    return f"{server}/{schema}"
