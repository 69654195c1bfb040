"""The hub on this machine, written to: repositories made, files uploaded and committed, and its faults."""

import base64
import hashlib
import json
import re
import socket
from dataclasses import dataclass, field
from typing import Any

from tests.sources.hub_server import LARGE, Handler, Hub, Refused, Repository, git_hash

TOKEN = "hf_of_the_tests"


@dataclass
class Fault:
    """What becomes of the first `times` requests whose `METHOD /path` holds `where`."""

    where: str
    status: int = 0
    """0: the connection is cut when half of the body has come, or before the answer where there is none."""
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    """Whether the request is carried out before the connection is cut."""


@dataclass
class Written(Hub):
    """A hub that takes what is pushed; `blobs` are its large files by SHA-256."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    private: set[str] = field(default_factory=set)
    readers: set[str] = field(default_factory=set)
    """Tokens that may not write."""
    open: bool = True
    """Whether public repositories can be read without a token."""
    cards: list[str] = field(default_factory=list)
    """Cards that were sent to be validated."""
    commits: int = 0

    def head(self, name: str, ref: str = "main") -> dict[str, bytes]:
        """The files of a repository as everyone sees them."""
        there = self.repositories[f"models/{name}"]
        return there.commits[there.refs[ref]]

    def fault(self, request: str) -> Fault | None:
        for each in self.faults:
            if each.times and each.where in request:
                each.times -= 1
                return each
        return None


class Writing(Handler):
    """The requests of `create_repo`, `create_branch`, `create_commit` and the upload of large files."""

    hub: Written

    def do_PUT(self) -> None:  # noqa: N802
        self.answer()

    def answer(self) -> None:
        found = self.hub.fault(f"{self.command} {self.path}")
        if found is None or found.done:
            if found is not None:
                self.reply = lambda *_: None  # type: ignore[method-assign]
            super().answer()
            if found is not None:
                self._cut()
        elif found.status == 0:
            self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
            self._cut()
        else:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.hub.asked.append(f"{self.command} {self.path} {found.status}")
            self.give({"error": "as the test wants it"}, found.status, found.headers)

    def _cut(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def allowed(self) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token in self.hub.readers:
            raise Refused(403, "", "You do not have the right to write here")
        if token != TOKEN:
            raise Refused(401, "", "Invalid credentials in Authorization header")

    def create(self) -> None:
        self.allowed()
        facts = json.loads(self.body)
        name = f"models/{facts.get('organization')}/{facts['name']}"
        url = f"http://{self.headers['Host']}/{name.removeprefix('models/')}"
        if name in self.hub.repositories:
            self.give({"error": "You already created this repo", "url": url}, 409)
            return
        self.hub.repositories[name] = Repository()
        self.hub.publish(name, {})
        if facts.get("private"):
            self.hub.private.add(name)
        self.give({"url": url, "name": name})

    def branch(self, repo: str, name: str) -> None:
        self.allowed()
        there = self.hub.repositories[f"models/{repo}"]
        if name in there.refs:
            raise Refused(409, "", "Reference already exists")
        there.refs[name] = there.refs["main"]
        self.give({})

    def info(self, kind: str, repo: str, revision: str = "main") -> None:
        commit, files = self.commit(f"{kind}/{repo}", revision)
        siblings = [{"rfilename": path} for path in sorted(files)]
        private = f"{kind}/{repo}" in self.hub.private
        if private:
            self.allowed()
        self.give({"id": repo, "sha": commit, "siblings": siblings, "tags": [], "private": private})

    def default(self, kind: str, repo: str) -> None:
        self.info(kind, repo)

    def validate(self) -> None:
        self.hub.cards.append(json.loads(self.body)["content"])
        self.give({"errors": [], "warnings": []})

    def preupload(self, repo: str, revision: str) -> None:
        self.allowed()
        _, files = self.commit(f"models/{repo}", revision)

        def mode(path: str) -> dict[str, Any]:
            large, there = path.endswith(LARGE), files.get(path)
            oid = None if there is None else hashlib.sha256(there).hexdigest() if large else git_hash(there)
            return {
                "path": path,
                "uploadMode": "lfs" if large else "regular",
                "shouldIgnore": False,
                "oid": oid,
            }

        self.give({"files": [mode(each["path"]) for each in json.loads(self.body)["files"]]})

    def batch(self, repo: str) -> None:
        self.allowed()
        objects = []
        for each in json.loads(self.body)["objects"]:
            upload = {"href": f"http://{self.headers['Host']}/upload/{each['oid']}", "header": {}}
            objects.append(each | ({} if each["oid"] in self.hub.blobs else {"actions": {"upload": upload}}))
        self.give({"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refused(400, "", "the content is not that of its SHA-256")
        self.hub.blobs[oid] = self.body
        self.give({})

    def commit_to(self, repo: str, revision: str) -> None:
        self.allowed()
        head, before = self.commit(f"models/{repo}", revision)
        files = dict(before)
        for line in map(json.loads, self.body.splitlines()):
            value = line["value"]
            if line["key"] == "header" and value.get("parentCommit") not in (None, head):
                raise Refused(412, "", "A commit has happened since")
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            if line["key"] == "lfsFile":
                if value["oid"] not in self.hub.blobs:
                    raise Refused(400, "", "a large file was not uploaded")
                files[value["path"]] = self.hub.blobs[value["oid"]]
            if line["key"] == "deletedFile":
                files.pop(value["path"])
        self.hub.commits += 1
        made = self.hub.publish(f"models/{repo}", files, revision)
        url = f"http://{self.headers['Host']}/{repo}/commit/{made}"
        self.give({"success": True, "commitOid": made, "commitUrl": url, "hookOutput": ""})


REPO, REVISION = r"([\w.-]+/[\w.-]+)", "([^/]+)"
Writing.routes = [
    ("/api/repos/create", Writing.create),
    ("/api/validate-yaml", Writing.validate),
    (f"/api/models/{REPO}/branch/{REVISION}", Writing.branch),
    (f"/api/models/{REPO}/preupload/{REVISION}", Writing.preupload),
    (f"/api/models/{REPO}/commit/{REVISION}", Writing.commit_to),
    (rf"/{REPO}\.git/info/lfs/objects/batch", Writing.batch),
    ("/upload/([0-9a-f]{64})", Writing.upload),
    (f"/api/(models)/{REPO}", Writing.default),
    (f"/api/(models)/{REPO}/revision/{REVISION}", Writing.info),
    *[each for each in Handler.routes if not re.search("auth-check|Handler.info", str(each))],
]
