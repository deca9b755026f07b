"""A small Hugging Face Hub for tests: what huggingface_hub's client asks for, over HTTP.

    hub = Hub(folder, port)
    with hub.running(): ...

Repositories (models, data sets and Spaces) are on disk, private or public; files of a binary kind
travel as LFS. `hub.fault(...)` makes requests fail the ways networks and servers do.
"""

import asyncio
import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
import yaml
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

TOKEN, USER = "hf_test_token", "owner"
BINARY = (".safetensors", ".jpg", ".png")
REPOSITORY = "/api/{kind}/{owner}/{name}"


@dataclass
class Fault:
    """What goes wrong with requests whose "METHOD path" matches, so many times."""

    pattern: str
    kind: str  # "500", "cut" (the answer, half way), "corrupt" (the answer), "slow", or a refusal
    times: int
    status: int = 500
    message: str = "internal error"


@dataclass
class Hub:
    """The server and its repositories."""

    folder: Path
    port: int
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)  # "METHOD path", and never a header

    def fault(self, pattern: str, kind: str = "500", times: int = 1000, **values: Any) -> None:
        """Let the next matching requests fail."""
        self.faults.append(Fault(pattern, kind, times, **values))

    def repository(self, kind: str, name: str) -> dict[str, Any] | None:
        """A repository's state: commits, branches, tags, pull requests, and more."""
        path = self._path(kind, name)
        return json.loads(path.read_text()) if path.exists() else None

    def save(self, kind: str, name: str, state: dict[str, Any]) -> None:
        path = self._path(kind, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(state))

    def blob(self, oid: str) -> Path:
        """The file that holds content with a SHA-256."""
        path = self.folder / "blobs" / oid
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _path(self, kind: str, name: str) -> Path:
        return self.folder / kind / f"{name}.json"

    @contextmanager
    def running(self) -> Iterator["Hub"]:
        """Serve on loopback until the block ends."""
        config = uvicorn.Config(_faulty(self, _app(self)), port=self.port, log_level="critical")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join()


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        self.status, self.message, self.code = status, message, code


def _app(hub: Hub) -> FastAPI:
    app = FastAPI()

    @app.exception_handler(Refused)
    def refused(_: Request, error: Refused) -> Response:
        headers = {"X-Error-Message": error.message} | (
            {"X-Error-Code": error.code} if error.code else {}
        )
        return JSONResponse({"error": error.message}, error.status, headers)

    def known(request: Request) -> bool:
        given = request.headers.get("authorization")
        if given not in (None, f"Bearer {TOKEN}"):
            raise Refused(401, "Invalid credentials in Authorization header")
        return given is not None

    def readable(request: Request, kind: str, name: str) -> dict[str, Any]:
        state = hub.repository(kind, name)
        if state is None or (state["private"] and not known(request)):
            status = 404 if known(request) else 401
            raise Refused(status, "Repository not found", "RepoNotFound")
        return state

    def writable(request: Request, kind: str, owner: str, name: str) -> dict[str, Any]:
        if not known(request):
            raise Refused(401, "Invalid username or password.")
        if owner != USER:
            raise Refused(403, f"You don't have the rights to write to {owner}/{name}.")
        return readable(request, kind, f"{owner}/{name}")

    def resolve(state: dict[str, Any], revision: str) -> str:
        refs = state["branches"] | state["tags"] | state["pulls"]
        commit = refs.get(revision, revision)
        if commit not in state["commits"]:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    @app.post("/api/repos/create")
    async def create(request: Request) -> Any:
        body = await request.json()
        if not known(request):
            raise Refused(401, "Invalid username or password.")
        owner, kind = body.get("organization") or USER, f"{body.get('type') or 'model'}s"
        if owner != USER:
            raise Refused(403, f"You don't have the rights to create a repo under {owner}.")
        name = f"{owner}/{body['name']}"
        url = f"http://127.0.0.1:{hub.port}/{name}"
        if hub.repository(kind, name):
            return JSONResponse({"error": "You already created this repo", "url": url}, 409)
        first = _oid(name)
        state = {
            "private": body.get("visibility") == "private" or body.get("private", False),
            "commits": {first: {}},
            "branches": {"main": first},
            "tags": {},
            "pulls": {},
            "variables": {},
            "hardware": body.get("hardware") or "cpu-basic",
            "created_on": body.get("hardware"),
        }
        hub.save(kind, name, state)
        return {"url": url, "name": name}

    @app.post("/api/validate-yaml")
    async def validate(request: Request) -> Any:
        content = (await request.json())["content"]
        try:
            front = yaml.safe_load(content.split("---\n")[1])
            if not isinstance(front.get("license"), str):
                raise ValueError("license must be a string")
        except (ValueError, IndexError, yaml.YAMLError) as error:
            return JSONResponse({"errors": [{"message": str(error)}], "warnings": []}, 400)
        return {"errors": [], "warnings": []}

    @app.post(REPOSITORY + "/preupload/{revision}")
    async def preupload(kind: str, owner: str, name: str, revision: str, request: Request) -> Any:
        state = writable(request, kind, owner, name)
        there = state["commits"][resolve(state, revision)]
        files = []
        for entry in (await request.json())["files"]:
            lfs = entry["path"].endswith(BINARY)
            old = there.get(entry["path"])
            files.append(
                {
                    "path": entry["path"],
                    "uploadMode": "lfs" if lfs else "regular",
                    "shouldIgnore": False,
                    "oid": old and (old["sha256"] if lfs else old["git"]),
                }
            )
        return {"files": files}

    @app.post("/{path:path}.git/info/lfs/objects/batch")
    async def batch(path: str, request: Request) -> Any:
        first = path.partition("/")[0]
        kind = first if first in ("spaces", "datasets") else "models"
        writable(request, kind, *path.split("/")[-2:])
        objects = []
        for entry in (await request.json())["objects"]:
            base = f"http://127.0.0.1:{hub.port}/lfs"
            actions = {
                "upload": {"href": f"{base}/upload/{entry['oid']}"},
                "verify": {"href": f"{base}/verify"},
            }
            there = hub.blob(entry["oid"]).exists()
            objects.append(entry if there else entry | {"actions": actions})
        return {"transfer": "basic", "objects": objects}

    @app.put("/lfs/upload/{oid}")
    async def upload(oid: str, request: Request) -> Any:
        data = await request.body()
        if hashlib.sha256(data).hexdigest() != oid:
            raise Refused(400, "content does not match its checksum")
        hub.blob(oid).write_bytes(data)
        return {}

    @app.post("/lfs/verify")
    async def verify(request: Request) -> Any:
        entry = await request.json()
        path = hub.blob(entry["oid"])
        if not path.exists() or path.stat().st_size != entry["size"]:
            raise Refused(404, "object not found")
        return {}

    @app.post(REPOSITORY + "/commit/{revision}")
    async def commit(kind: str, owner: str, name: str, revision: str, request: Request) -> Any:
        state = writable(request, kind, owner, name)
        head = resolve(state, revision)
        files, lines = dict(state["commits"][head]), (await request.body()).splitlines()
        for entry in map(json.loads, lines):
            value = entry["value"]
            if entry["key"] == "header":
                if value.get("parentCommit", head) != head:
                    raise Refused(412, "A commit has happened since. Please refresh and try again.")
            elif entry["key"] == "file":
                data = base64.b64decode(value["content"])
                files[value["path"]] = _entry(data, lfs=False)
                hub.blob(files[value["path"]]["sha256"]).write_bytes(data)
            elif entry["key"] == "lfsFile":
                if not hub.blob(value["oid"]).exists():
                    raise Refused(400, "LFS object was not uploaded")
                data = hub.blob(value["oid"]).read_bytes()
                files[value["path"]] = _entry(data, lfs=True)
            elif entry["key"] == "deletedFile":
                del files[value["path"]]
        new = _oid(head + json.dumps(files) + str(len(state["commits"])))
        state["commits"][new] = files
        answer = {"commitUrl": f"http://127.0.0.1:{hub.port}/{owner}/{name}/commit/{new}"}
        if request.query_params.get("create_pr"):
            number = len(state["pulls"]) + 1
            state["pulls"][f"refs/pr/{number}"] = new
            url = f"http://127.0.0.1:{hub.port}/{owner}/{name}/discussions/{number}"
            answer["pullRequestUrl"] = url
        else:
            state["branches"][revision] = new
        hub.save(kind, f"{owner}/{name}", state)
        return answer | {"commitOid": new}

    @app.post(REPOSITORY + "/tag/{revision}")
    async def tag(kind: str, owner: str, name: str, revision: str, request: Request) -> Any:
        state, wanted = writable(request, kind, owner, name), (await request.json())["tag"]
        if wanted in state["tags"]:
            raise Refused(409, f"Tag reference exists already: {wanted}")
        state["tags"][wanted] = resolve(state, revision)
        hub.save(kind, f"{owner}/{name}", state)
        return {}

    @app.delete(REPOSITORY + "/tag/{wanted}")
    def untag(kind: str, owner: str, name: str, wanted: str, request: Request) -> Any:
        state = writable(request, kind, owner, name)
        del state["tags"][wanted]
        hub.save(kind, f"{owner}/{name}", state)
        return {}

    @app.post(REPOSITORY + "/branch/{branch}")
    async def branch(kind: str, owner: str, name: str, branch: str, request: Request) -> Any:
        state = writable(request, kind, owner, name)
        start = (await request.json()).get("startingPoint", "main")
        state["branches"][branch] = resolve(state, start)
        hub.save(kind, f"{owner}/{name}", state)
        return {}

    @app.get(REPOSITORY + "/refs")
    def refs(kind: str, owner: str, name: str, request: Request) -> Any:
        state = readable(request, kind, f"{owner}/{name}")

        def listed(kind: str, prefix: str) -> list[dict]:
            return [
                {"name": n, "ref": f"{prefix}{n}", "targetCommit": oid}
                for n, oid in state[kind].items()
            ]

        return {
            "branches": listed("branches", "refs/heads/"),
            "tags": listed("tags", "refs/tags/"),
            "pullRequests": listed("pulls", ""),
            "converts": [],
        }

    @app.get(REPOSITORY)
    @app.get(REPOSITORY + "/revision/{revision:path}")
    def info(kind: str, owner: str, name: str, request: Request, revision: str = "main") -> Any:
        state = readable(request, kind, f"{owner}/{name}")
        commit = resolve(state, revision)
        files = [{"rfilename": path} for path in state["commits"][commit]]
        own = {"id": f"{owner}/{name}", "sha": commit, "private": state["private"]}
        return own | {"siblings": files, "tags": []}

    @app.get(REPOSITORY + "/tree/{revision:path}")
    def tree(kind: str, owner: str, name: str, revision: str, request: Request) -> Any:
        state = readable(request, kind, f"{owner}/{name}")
        entries = []
        for path, file in state["commits"][resolve(state, revision)].items():
            entry = {"type": "file", "path": path, "size": file["size"], "oid": file["git"]}
            if file["lfs"]:
                entry["lfs"] = {"oid": file["sha256"], "size": file["size"], "pointerSize": 130}
            entries.append(entry)
        return entries

    resolved = "/{owner}/{name}/resolve/{revision}/{path:path}"

    @app.api_route("/datasets" + resolved, methods=["GET", "HEAD"])
    def dataset(owner: str, name: str, revision: str, path: str, request: Request) -> Response:
        return download(owner, name, revision, path, request, "datasets")

    @app.api_route(resolved, methods=["GET", "HEAD"])
    def download(
        owner: str, name: str, revision: str, path: str, request: Request, kind: str = "models"
    ) -> Response:
        state = readable(request, kind, f"{owner}/{name}")
        commit = resolve(state, revision)
        file = state["commits"][commit].get(path)
        if file is None:
            raise Refused(404, f"{path} does not exist", "EntryNotFound")
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if not file["lfs"]:
            data = hub.blob(file["sha256"]).read_bytes()
            return Response(data, headers=headers | {"ETag": f'"{file["git"]}"'})
        headers |= {"X-Linked-Size": str(file["size"]), "X-Linked-Etag": f'"{file["sha256"]}"'}
        url = f"http://localhost:{hub.port}/cdn/{file['sha256']}"  # another host, as there
        return RedirectResponse(url, 302, headers)

    @app.api_route("/cdn/{oid}", methods=["GET", "HEAD"])
    def cdn(oid: str, request: Request) -> Response:
        data = hub.blob(oid).read_bytes()
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        if wanted:
            start = int(wanted[1])
            part = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return Response(data[start:], 206, {"Content-Range": part, "ETag": f'"{oid}"'})
        return Response(data, headers={"ETag": f'"{oid}"'})

    @app.post("/api/spaces/{owner}/{name}/variables")
    async def variable(owner: str, name: str, request: Request) -> Any:
        state, body = writable(request, "spaces", owner, name), await request.json()
        state["variables"][body["key"]] = {"value": body["value"]}
        hub.save("spaces", f"{owner}/{name}", state)
        return {k: {"key": k} | v for k, v in state["variables"].items()}

    @app.post("/api/spaces/{owner}/{name}/hardware")
    async def hardware(owner: str, name: str, request: Request) -> Any:
        state = writable(request, "spaces", owner, name)
        state["hardware"] = (await request.json())["flavor"]
        hub.save("spaces", f"{owner}/{name}", state)
        wanted = {"current": None, "requested": state["hardware"]}
        return {"stage": "BUILDING", "hardware": wanted, "storage": None, "gcTimeout": None}

    return app


def _faulty(hub: Hub, app: FastAPI) -> Any:
    """The server with `hub.faults` between it and the client."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await app(scope, receive, send)
        request = f"{scope['method']} {scope['path']}"
        hub.requests.append(request)
        fault = next((f for f in hub.faults if f.times and re.search(f.pattern, request)), None)
        if fault is None:
            return await app(scope, receive, send)
        fault.times -= 1
        if fault.kind == "500":
            headers = {"X-Error-Message": fault.message}
            answer = JSONResponse({"error": fault.message}, fault.status, headers)
            return await answer(scope, receive, send)
        if fault.kind == "slow":
            await asyncio.sleep(0.5)
            return await app(scope, receive, send)

        async def spoilt(message: Any) -> None:
            body = message.get("body", b"")
            if fault.kind == "corrupt" and body:
                middle = len(body) // 2
                flipped = bytes([body[middle] ^ 255])
                message = message | {"body": body[:middle] + flipped + body[middle + 1 :]}
            if fault.kind == "cut" and body:
                await send(message | {"body": body[: len(body) // 2], "more_body": True})
                raise ConnectionAbortedError
            await send(message)

        return await app(scope, receive, spoilt)

    return serve


def _entry(data: bytes, lfs: bool) -> dict[str, Any]:
    sha256 = hashlib.sha256(data).hexdigest()
    if lfs:  # git keeps a pointer to it
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\n"
        git = _blob_id((pointer + f"size {len(data)}\n").encode())
    else:
        git = _blob_id(data)
    return {"sha256": sha256, "git": git, "size": len(data), "lfs": lfs}


def _blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _oid(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()
