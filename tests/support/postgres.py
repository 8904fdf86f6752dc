"""A real PostgreSQL server for tests: Debian's binaries, a folder of its own, reached by a socket in that folder."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


class Server:
    """A running server; every database it makes is empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new_database(self) -> str:
        """The address of a new database."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(f"host={self.folder} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'".encode())
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"


@contextmanager
def postgres() -> Iterator[Server]:
    """Start a server, and stop it at the end. It does not run as root, so root starts it as the user `postgres`."""
    binaries = BINARIES[-1].parent
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = folder / "data"
    initdb: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=trust",
        "--no-sync",
        "--locale=C.UTF-8",
        "-E",
        "UTF8",
    ]
    try:
        subprocess.run(initdb, user=user, cwd=folder, check=True, capture_output=True)
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off -c max_connections=50"
        control: list[str | Path] = [binaries / "pg_ctl", "-D", data, "-w", "-t", "60"]
        # into a file: the server keeps its output open, and a pipe would never end
        subprocess.run(
            [*control, "-l", folder / "log", "-o", options, "start"],
            user=user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        try:
            yield Server(folder)
        finally:
            subprocess.run(
                [*control, "-m", "immediate", "stop"], user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
