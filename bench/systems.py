"""The systems that are compared: how each is configured, started on one core, measured from outside, and stopped."""

import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import yaml

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluicegate-bench"
ROOT = Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
START_LIMIT = 120.0


class System(NamedTuple):
    """A gateway under load."""

    name: str
    port: int
    key: str
    process: "subprocess.Popen[bytes]"
    started: float
    """Seconds from starting the process to its first answer."""
    first_start: float | None = None
    """The same for the very first start, which also makes the database and compiles the guardrails."""

    def cpu(self) -> float:
        """Seconds of CPU that the whole process group has used, all threads and reaped children included."""
        total = 0
        for fields in _group(self.process.pid):
            total += sum(int(field) for field in fields[11:15])
        return total / TICK

    def memory(self) -> float:
        """Megabytes (10^6) of resident memory, summed over the process group."""
        pages = sum(int(fields[21]) for fields in _group(self.process.pid))
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _group(leader: int) -> Iterator[list[str]]:
    """The fields of `/proc/<pid>/stat` (proc(5)) from the third on, for each process of the group."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == leader:
                yield fields


def cores() -> tuple[str, str]:
    """The core of the gateway and the core of the load."""
    found = sorted(os.sched_getaffinity(0))
    return str(found[0]), str(found[-1])


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def body(text: str = "Say something.", *, stream: bool = False) -> bytes:
    """A chat request."""
    document = {"model": "bench", "stream": stream, "max_tokens": 256, "messages": [{"role": "user", "content": text}]}
    return json.dumps(document).encode()


def post(key: str, data: bytes, path: str = "/v1/chat/completions") -> bytes:
    """The bytes of one HTTP request."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nauthorization: Bearer {key}\r\n"
    return f"{head}content-length: {len(data)}\r\n\r\n".encode() + data


@contextmanager
def mock() -> Iterator[int]:
    """The mock provider on the load's core; its port."""
    command = ["taskset", "-c", cores()[1], sys.executable, str(ROOT / "bench/mock.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@contextmanager
def workspace() -> Iterator[Path]:
    """A directory on a disk, removed afterwards."""
    CACHE.mkdir(parents=True, exist_ok=True)
    kind = _filesystem(CACHE)
    if kind in ("tmpfs", "ramfs"):
        raise SystemExit(
            f"{CACHE} is on {kind}; set XDG_CACHE_HOME to a directory on a disk, where fsync costs what it costs"
        )
    directory = CACHE / f"run-{os.getpid()}"
    directory.mkdir(mode=0o700)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def _filesystem(path: Path) -> str:
    best = ("", "")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        if path.resolve().is_relative_to(point) and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]


@contextmanager
def running(
    name: str, command: list[str], port: int, key: str, directory: Path, environment: dict[str, str]
) -> Iterator[System]:
    """Start `command` on the gateway's core in a process group of its own; stop the group afterwards."""
    with (directory / f"{name}.log").open("wb") as log:
        begun = time.perf_counter()
        process = subprocess.Popen(
            ["taskset", "-c", cores()[0], *command],
            stdout=log,
            stderr=log,
            cwd=directory,
            env={**_environment(), **environment},
            start_new_session=True,
        )
        try:
            _first_answer(port, key, process, log)
            yield System(name, port, key, process, time.perf_counter() - begun)
        finally:
            _stop(process)


def _environment() -> dict[str, str]:
    """This process's, but that Python keeps what it compiles of a module, as in an installation; the first start does."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _first_answer(port: int, key: str, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
    """Ask until there is an answer; the server is not ours to wait on in any better way."""
    end = time.monotonic() + START_LIMIT
    answer = b""
    while time.monotonic() < end and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
                sock.sendall(post(key, body()))
                answer = sock.recv(65_536)
            if answer.startswith(b"HTTP/1.1 200"):
                return
        except OSError:
            pass
        time.sleep(0.01)
    raise SystemExit(f"no first answer; last: {answer[:300]!r}; log:\n{Path(log.name).read_text()[-2_000:]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def nginx(upstream: int, directory: Path) -> Iterator[System]:
    """The floor: a reverse proxy that looks at nothing."""
    port = free_port()
    text = f"""
daemon off; worker_processes 1; error_log stderr crit; pid {directory}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_buffer_size 256k; client_body_temp_path {directory}/nginx-body;
  proxy_temp_path {directory}/nginx-proxy; fastcgi_temp_path {directory}/nginx-f; uwsgi_temp_path {directory}/nginx-u;
  scgi_temp_path {directory}/nginx-s;
  upstream provider {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""
    (directory / "nginx.conf").write_text(text)
    command = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(directory / "nginx.conf"), "-p", str(directory)]
    with running("nginx", command, port, "none", directory, {}) as system:
        yield system


@contextmanager
def litellm(upstream: int, directory: Path) -> Iterator[System]:
    """LiteLLM's proxy in an environment of its own: one worker, no database, no guardrails.

    It does not start without a master key, so it gets one, made for this run; the load uses it.
    """
    environment = CACHE / "litellm"
    binary = environment / "bin/litellm"
    if not binary.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        subprocess.run([str(environment / "bin/pip"), "install", "--quiet", "litellm[proxy]"], check=True)
    port = free_port()
    settings = {
        "model_list": [
            {
                "model_name": "bench",
                "litellm_params": {
                    "model": "openai/bench",
                    "api_base": f"http://127.0.0.1:{upstream}/v1",
                    "api_key": "none",
                },
            }
        ],
        "litellm_settings": {"telemetry": False},
    }
    key = f"sk-{secrets.token_hex(32)}"
    (directory / "litellm.yaml").write_text(yaml.safe_dump(settings))
    command = [str(binary), "--config", str(directory / "litellm.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    quiet = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "LITELLM_TELEMETRY": "False",
        "LITELLM_MASTER_KEY": key,
    }
    with running("litellm", [*command, "--num_workers", "1", "--telemetry", "False"], port, key, directory, quiet) as system:
        yield system


@contextmanager
def sluicegate(upstream: int, directory: Path) -> Iterator[System]:
    """The gateway with everything on: key, rates, budgets, inspection both ways, durable audit on a disk."""
    from sluicegate.identity.keys import mint

    port, key = free_port(), mint()
    rate = {"requests_per_minute": 100_000_000, "tokens_per_minute": 100_000_000_000, "concurrent": 10_000}
    budget = [{"period": "month", "usd": 100_000_000, "tokens": 1_000_000_000_000_000}]
    settings = {
        "data_dir": str(directory / "data"),
        "server": {"port": port},
        "demo": {"enabled": False, "ollama_url": ""},
        "logging": {"level": "warning"},
        "organisations": [{"name": "bench"}],
        "teams": [{"organisation": "bench", "name": "bench", "budgets": budget}],
        "use_cases": [
            {"organisation": "bench", "team": "bench", "name": "bench", "purpose": "Measuring.", "models": ["bench"]}
        ],
        "keys": [
            {
                "organisation": "bench",
                "use_case": "bench",
                "name": "bench",
                "principal": "service_account:bench",
                "sha256": hashlib.sha256(key.encode()).hexdigest(),
                "rate": rate,
                "budgets": budget,
            }
        ],
        "providers": [
            {"name": "mock", "dialects": ["openai_chat"], "base_url": f"http://127.0.0.1:{upstream}/v1", "place": "on_prem"}
        ],
        "deployments": [{"name": "bench", "model": "bench", "provider": "mock", "price": {"input": 1, "output": 2}}],
    }
    (directory / "sluicegate.yaml").write_text(yaml.safe_dump(settings))
    command = [str(Path(sys.executable).parent / "sluicegate"), "serve"]
    environment = {"SLUICEGATE_CONFIG": str(directory / "sluicegate.yaml")}
    with running("sluicegate", command, port, key, directory, environment) as first:
        pass
    with running("sluicegate", command, port, key, directory, environment) as system:
        yield system._replace(first_start=first.started)


SYSTEMS = {"sluicegate": sluicegate, "litellm": litellm, "nginx": nginx}
