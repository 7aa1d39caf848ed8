"""A PostgreSQL server of the tests' own: made in a folder under /tmp, on loopback, gone with its block."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, TypedDict
from urllib.parse import quote

import psycopg

USER, PASSWORD, DATABASE = "owner", "p@ss/w:rd 100%", "shop"
START_S = 60.0


def programs() -> Path | None:
    """The folder of initdb and postgres, the newest first; None where PostgreSQL is not installed."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: _version(one.parent.name), reverse=True
    )
    return next((one for one in folders if (one / "initdb").exists() and (one / "postgres").exists()), None)


def _version(name: str) -> int:
    return int(name) if name.isdigit() else 0


class _Identity(TypedDict, total=False):
    """How its programs are started."""

    cwd: str
    env: dict[str, str]
    user: int
    group: int
    extra_groups: list[int]


class Postgres:
    """`with Postgres(bin) as server:`; `stop()` and `start()` between, to see what clients make of it."""

    def __init__(self, folder: Path) -> None:
        self._programs = folder
        # It refuses to run as root.
        self._account = _unprivileged() if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]

    def __enter__(self) -> Postgres:
        self._home = Path(tempfile.mkdtemp(prefix="mcp-tui-pg-", dir="/tmp"))  # paths of Unix sockets must be short
        try:
            if self._account is not None:
                os.chown(self._home, self._account.pw_uid, self._account.pw_gid)
            password = self._home / "password"
            password.write_text(PASSWORD)
            password.chmod(0o644)
            made = subprocess.run(
                [
                    self._programs / "initdb", "-D", self._home / "data", "-U", USER, f"--pwfile={password}",
                    "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync",
                ],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
                **self._identity(),
            )  # fmt: skip
            assert made.returncode == 0, made.stdout + made.stderr
            self.start()
            with self.connect("postgres") as connection:
                connection.execute(f"CREATE DATABASE {DATABASE}")
        except BaseException:
            self._clear()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def start(self) -> None:
        """Returns when it takes connections."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._home),
            "fsync": "off",
            "max_connections": "30",
            "shared_buffers": "16MB",
        }
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres", "-D", self._home / "data",
                    *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._identity(),
            )  # fmt: skip
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.connect("postgres").close()
                return
            except psycopg.OperationalError:
                ended = self._process.poll() is not None
                assert not ended and time.monotonic() < deadline, (self._home / "log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        """At once, as if the machine had failed: connections are cut."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(30)
            self._process = None

    def connect(self, database: str = DATABASE) -> psycopg.Connection[Any]:
        """Committing each statement, as the owner."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database, autocommit=True
        )

    def url(self, user: str = USER, password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{DATABASE}"

    def _identity(self) -> _Identity:
        identity = _Identity(cwd="/", env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"})
        if self._account is not None:
            identity |= _Identity(user=self._account.pw_uid, group=self._account.pw_gid, extra_groups=[])
        return identity

    def _clear(self) -> None:
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("no account to run PostgreSQL as")
