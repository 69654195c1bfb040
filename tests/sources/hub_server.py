"""A hub on this machine, read-only and in memory: what huggingface_hub and datasets ask of the real one to
find a repository at a revision, list its files and download them, and the faults that it can have."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = (".parquet", ".safetensors", ".gz")
"""Files that the hub keeps under their SHA-256; of others it knows the hash of the git blob alone."""


def git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Repository:
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)


@dataclass
class Hub:
    """Repositories by `datasets/owner/name` or `models/owner/name`; `asked` lists every request."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    gated: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)
    """Names of files that arrive with other bytes than announced."""
    status: int = 200
    """What every request is answered with, when it is not 200."""
    stalled: str = ""
    """Name of a file of which half arrives, and no more for as long as this stands."""
    stalling: threading.Event = field(default_factory=threading.Event)
    """Set once half of it has arrived."""

    def publish(self, name: str, files: dict[str, bytes], ref: str = "main") -> str:
        """A new commit with these files under `ref`; return its 40 hex digits."""
        there = self.repositories.setdefault(name, Repository())
        parts = [f"{path} {git_hash(data)}" for path, data in sorted(files.items())]
        commit = hashlib.sha1("\n".join([name, ref, *parts]).encode()).hexdigest()
        there.commits[commit] = dict(files)
        there.refs[ref] = commit
        return commit


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else a body that follows its headers waits for the other side to acknowledge these, 40 ms each time.
    disable_nagle_algorithm = True
    hub: Hub
    routes: list[tuple[str, Any]]

    def log_message(self, *_: Any) -> None:
        """Tests look at `asked`."""

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        url = urlsplit(self.path)
        self.query = parse_qs(url.query)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.asked.append(f"{self.command} {unquote(url.path)}")
        try:
            if self.hub.status != 200:
                raise Refused(self.hub.status, "", "out of order")
            for pattern, method in self.routes:
                if found := re.fullmatch(pattern, url.path):
                    method(self, *(unquote(part or "") for part in found.groups()))
                    return
            raise Refused(404, "", f"no such page: {url.path}")
        except Refused as why:
            headers = {"X-Error-Message": str(why)} | ({"X-Error-Code": why.code} if why.code else {})
            self.give({"error": str(why)}, why.status, headers)

    def give(self, facts: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.reply(json.dumps(facts).encode(), status, {"Content-Type": "application/json"} | (headers or {}))

    def reply(self, data: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(data))} | headers).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.hub.stalled and self.path.endswith(self.hub.stalled):
            self.wfile.write(data[: len(data) // 2])
            self.hub.stalling.set()
            while self.hub.stalled:
                time.sleep(0.05)
            self.close_connection = True
            return
        self.wfile.write(data)

    def commit(self, name: str, revision: str) -> tuple[str, dict[str, bytes]]:
        there = self.hub.repositories.get(name)
        if there is None:
            raise Refused(404, "RepoNotFound", "Repository not found")
        commit = there.refs.get(revision, revision)
        if commit not in there.commits:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit, there.commits[commit]

    def info(self, kind: str, repo: str, revision: str = "main") -> None:
        commit, files = self.commit(f"{kind}/{repo}", revision)
        siblings = [{"rfilename": path} for path in sorted(files)]
        self.give({"id": repo, "sha": commit, "siblings": siblings, "tags": [], "private": False})

    def permission(self, kind: str, repo: str) -> None:
        self.commit(f"{kind}/{repo}", "main")
        if f"{kind}/{repo}" in self.hub.gated:
            raise Refused(403, "GatedRepo", "Access to this repository is restricted")
        self.give({})

    def default_info(self, kind: str, repo: str) -> None:
        self.info(kind, repo)

    def listing(self, kind: str) -> None:
        owner = f"{kind}/{self.query.get('author', [''])[0]}"
        names = [name.removeprefix(f"{kind}/") for name in self.hub.repositories if name.startswith(owner)]
        self.give([{"id": name, "tags": []} for name in sorted(names)])

    def tree(self, kind: str, repo: str, revision: str, below: str) -> None:
        _, files = self.commit(f"{kind}/{repo}", revision)
        start = f"{below.strip('/')}/" if below.strip("/") else ""
        inside = {path: data for path, data in files.items() if path.startswith(start)}
        if start and not inside:
            raise Refused(404, "EntryNotFound", f"{below} does not exist")
        whole = self.query.get("recursive", ["false"])[0].lower() == "true"
        folders = {
            path[: len(start) + at.start()] for path in inside for at in re.finditer("/", path[len(start) :])
        }
        entries = [
            {"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in sorted(folders)
        ]
        entries += [entry(path, data) for path, data in sorted(inside.items())]
        self.give([each for each in entries if whole or "/" not in each["path"][len(start) :]])

    def paths(self, kind: str, repo: str, revision: str) -> None:
        _, files = self.commit(f"{kind}/{repo}", revision)
        if "json" in self.headers.get("Content-Type", ""):
            asked = json.loads(self.body)["paths"]
        else:
            asked = parse_qs(self.body.decode())["paths"]
        self.give([entry(path, files[path]) for path in asked if path in files])

    def resolve(self, kind: str, repo: str, revision: str, path: str) -> None:
        name = f"{kind.strip('/') or 'models'}/{repo}"
        commit, files = self.commit(name, revision)
        if name in self.hub.gated:
            raise Refused(401, "GatedRepo", "Access to this repository is restricted")
        if path not in files:
            raise Refused(404, "EntryNotFound", f"Entry not found: {path}")
        data = files[path]
        facts = entry(path, data)
        tag = facts.get("lfs", facts)["oid"]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{tag}"', "Accept-Ranges": "bytes"}
        if path in self.hub.damaged:
            data = bytes([data[0] ^ 1]) + data[1:]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked is None:
            self.reply(data, 200, headers)
            return
        first, last = int(asked[1]), int(asked[2] or len(data) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        self.reply(data[first : last + 1], 206, headers)


def entry(path: str, data: bytes) -> dict[str, Any]:
    facts: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": git_hash(data)}
    if path.endswith(LARGE):
        facts["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return facts


KIND, REPO, REVISION = "(datasets|models)", r"([\w.-]+/[\w.-]+)", "([^/]+)"
Handler.routes = [
    (f"/api/{KIND}", Handler.listing),
    (f"/api/{KIND}/{REPO}", Handler.default_info),
    (f"/api/{KIND}/{REPO}/auth-check", Handler.permission),
    (f"/api/{KIND}/{REPO}/revision/{REVISION}", Handler.info),
    (f"/api/{KIND}/{REPO}/tree/{REVISION}(/.*)?", Handler.tree),
    (f"/api/{KIND}/{REPO}/paths-info/{REVISION}", Handler.paths),
    (f"/(datasets/)?{REPO}/resolve/{REVISION}/(.+)", Handler.resolve),
]


@contextmanager
def serving(hub: Hub, handler: type[Handler] = Handler) -> Iterator[str]:
    """Serve `hub` on a free port of this machine while the block runs; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Served", (handler,), {"hub": hub}))
    server.daemon_threads = True
    # It looks so often, in seconds, whether it is to end.
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
