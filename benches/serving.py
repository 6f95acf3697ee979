"""A server, a syncer and a plain client for the benches of sync: real processes of the release binary."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DANLU = os.environ.get("DANLU", str(Path(__file__).parent.parent / "target" / "release" / "danlu"))
REQUEST = re.compile(rb"(?:GET|HEAD|PUT|POST|PATCH|DELETE) /\S* HTTP/1\.1\r\n")


class Server:
    """`danlu serve` on a directory of its own."""

    def __init__(self, data: Path, listen: str = "127.0.0.1:0", key: str = "") -> None:
        command = [DANLU, "serve", "--data", str(data), "--listen", listen, "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout is not None
        hello = json.loads(self.process.stdout.readline())
        self.url: str = hello["url"].rstrip("/")
        self.key: str = hello.get("api_key") or key
        self.connection = http.client.HTTPConnection(urlsplit(self.url).netloc)

    def ask(self, method: str, path: str, body: bytes | str | None = None) -> bytes:
        """Send one request over the connection that is kept, and return the answer."""
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        self.connection.request(method, f"/api/v1/{path}", body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return content

    def json(self, method: str, path: str, body: object = None) -> Any:
        """Send one request and return the JSON of the answer."""
        return json.loads(self.ask(method, path, None if body is None else json.dumps(body)))

    def run_ids(self) -> set[str]:
        """Return the ids of the newest runs that it holds."""
        answer = self.json("GET", "runs?limit=1000")
        return {run["id"] for run in (answer["runs"] if isinstance(answer, dict) else answer)}

    def peak(self) -> float:
        """Return the most memory that it has had, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024

    def stop(self) -> None:
        """End it in order."""
        self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def sync_command(runs: Path, remote: str, *more: str) -> list[str]:
    """Return the command that syncs a directory."""
    return [DANLU, "sync", "--dir", str(runs), remote, *more]


def environment(key: str) -> dict[str, str]:
    """Return what the syncer is started with."""
    return {**os.environ, "DANLU_API_KEY": key}


def sync(runs: Path, remote: str, key: str = "") -> tuple[float, float]:
    """Sync a directory, and return how many seconds and, at the most, how many MiB of memory that took."""
    began = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process = subprocess.Popen(sync_command(runs, remote), env=environment(key), **quiet)  # type: ignore[call-overload]
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"sync to {remote}: {said.decode()}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def push_serially(server: Server, directory: Path) -> None:
    """Push what a remote holds as a plain client does: run by run, a request for each object, in turn."""
    for manifest in sorted((directory / "runs").glob("*.json")):
        text = manifest.read_text()
        described = json.loads(text)
        segments = [s["sha256"] for attempt in described["attempts"] for s in attempt["segments"]]
        objects = [("segments", name, ".zst") for name in segments]
        objects += [("blobs", blob["sha256"], "") for blob in described["blobs"]]
        for kind, name, suffix in objects:
            server.ask("PUT", f"{kind}/{name}", (directory / kind / name[:2] / (name + suffix)).read_bytes())
        server.ask("POST", "manifests", text)


class Counter:
    """Passes connections on to a server, and counts the requests."""

    def __init__(self, server: Server) -> None:
        self.upstream = urlsplit(server.url)
        self.requests = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection((self.upstream.hostname, self.upstream.port))
            threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                self.requests += len(REQUEST.findall(data)) if counts else 0
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        """Take no more connections."""
        self.listener.close()
