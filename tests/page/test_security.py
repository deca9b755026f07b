"""The page against people who mean it no good."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image

from colouriser.follow import ModelFollower
from colouriser.page import build, launch, storage
from colouriser.page import studio as engine

from .. import hostile

pytestmark = pytest.mark.slow

SETTINGS = [256, 1, 0, "png", False, False, None, None, 1, 0]


@pytest.fixture(scope="module")
def demo(cat: Image.Image) -> Iterator[gr.Blocks]:
    opened = build(ModelFollower(None, cat))
    launch(opened, prevent_thread_lock=True, quiet=True)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def url(demo: gr.Blocks) -> str:
    assert demo.local_url
    return demo.local_url


@pytest.fixture
def secret(tmp_path: Path, cat: Image.Image) -> Path:
    cat.save(tmp_path / "secret.png")
    return tmp_path / "secret.png"


def forms(path: str) -> list[Any]:
    """Ways to name a file."""
    meta = {"meta": {"_type": "gradio.FileData"}}
    return [
        {"path": path},
        {"path": path, **meta},
        {"path": None, "url": path},
        {"path": "", "url": f"file://{path}", **meta},
        {"path": path, "url": "/gradio_api/file=" + path, "orig_name": "x.png", **meta},
        {"path": path, "is_stream": True, **meta},
        path,
        [path],
        {"video": {"path": path}},
    ]


def ask(url: str, index: int, data: list[Any], route: str) -> str:
    """Call a function of the page by its number; all that the server says of it."""
    body = {"fn_index": index, "data": data, "session_hash": f"s{index}"}
    if route == "run/predict":
        return httpx.post(f"{url}gradio_api/run/predict", json=body, timeout=60).text
    joined = httpx.post(f"{url}gradio_api/queue/join", json=body, timeout=60)
    if joined.status_code != 200:
        return joined.text
    said = []
    address = f"{url}gradio_api/queue/data?session_hash=s{index}"
    with httpx.stream("GET", address, timeout=60) as stream:
        for line in stream.iter_lines():
            message = json.loads(line[5:]) if line.startswith("data:") else {}
            if message.get("msg") == "process_completed":
                output = message["output"]
                said.append(json.dumps({k: output.get(k) for k in ("data", "error")}))
            if message.get("msg") in ("process_completed", "close_stream"):
                break
    return " ".join(said)


def with_file(demo: gr.Blocks) -> list[int]:
    """The functions that take a file, private ones too."""
    kinds = (gr.Image, gr.File, gr.Gallery, gr.ImageSlider)
    return [
        index
        for index, function in demo.fns.items()
        if any(isinstance(block, kinds) for block in function.inputs)
    ]


@pytest.mark.parametrize("route", ["run/predict", "queue/join"])
def test_no_function_reads_files_of_the_server(
    route: str, demo: gr.Blocks, url: str, secret: Path
) -> None:
    found = with_file(demo)
    assert len(found) >= 4  # many, and the three endpoints
    none = str(secret.with_name("none.png"))
    for index in found:
        rest = len(demo.fns[index].inputs) - 1
        for there, missing in zip(forms(str(secret)), forms(none), strict=True):
            answers = []
            for payload in (there, missing):
                several = payload if isinstance(payload, list) else [payload]
                for given in (payload, several):
                    answer = ask(url, index, [given, *SETTINGS[:rest]], route)
                    assert "-colourised" not in answer, (index, given)
                    assert '"path": "' not in answer
                    answers.append(answer.replace(none, "X").replace(str(secret), "X"))
            assert answers[:2] == answers[2:], "it tells which files exist"


def call(url: str, demo: gr.Blocks, name: str, data: Any) -> httpx.Response:
    """Call one of the viewer's functions as the browser does."""
    (viewer,) = (i for i, block in demo.blocks.items() if getattr(block, "elem_id", "") == "studio")
    body = {"session_hash": "s", "component_id": viewer, "fn_name": name, "data": data}
    return httpx.post(f"{url}gradio_api/component_server", json=body, timeout=60)


FUNCTIONS = ("colour", "look", "vary", "suggest", "unsure", "save", "full")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_viewer_reads_no_files_of_the_server(
    name: str, url: str, demo: gr.Blocks, secret: Path
) -> None:
    none = str(secret.with_name("none.png"))
    for there, missing in zip(forms(str(secret)), forms(none), strict=True):
        answers = [
            call(url, demo, name, data).text.replace(none, "X").replace(str(secret), "X")
            for path in (there, missing)
            for data in (
                {"path": path, "x": 1, "y": 1},
                {"example": "cat.jpg", "reference": path or "x", "x": 1, "y": 1},
                {"example": path if isinstance(path, str) else "none", "x": 1, "y": 1},
            )
        ]
        assert answers[:3] == answers[3:], "it tells which files exist"
        assert all("was not uploaded to this page" in answer for answer in answers)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "x",
        {},
        {"example": "../../etc/passwd"},
        {"example": "cat.jpg", "vividness": "2"},
        {"example": "cat.jpg", "vividness": 3},
        {"example": "cat.jpg", "variant": 99},
        {"example": "cat.jpg", "variant": [1]},
        {"example": "cat.jpg", "hints": {}},
        {"example": "cat.jpg", "hints": [{"x": 1e9, "y": 0, "colour": "#000000"}]},
        {"example": "cat.jpg", "hints": [{"x": 0, "y": 0, "colour": "#000000"}] * 1001},
        {"example": "cat.jpg", "strength": None},
        {"example": "cat.jpg", "format": {}},
        {"example": "cat.jpg", "mark": "yes"},
    ],
)
def test_the_viewer_checks_what_it_is_sent(data: Any, url: str, demo: gr.Blocks) -> None:
    answer = call(url, demo, "colour", data)
    assert answer.status_code == 200
    assert set(answer.json()) == {"error"}


def test_only_the_viewers_own_functions_can_be_called(url: str, demo: gr.Blocks) -> None:
    for name in ("postprocess", "__init__", "get_config", "move_resource_to_block_cache"):
        assert call(url, demo, name, {}).status_code == 404


def test_mcp_reads_no_files_of_the_server(url: str, secret: Path) -> None:
    async def answers() -> list[str]:
        async with (
            streamablehttp_client(f"{url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            (tool,) = (t.name for t in tools if t.name.endswith("colourise"))
            said = []
            for photo in (str(secret), f"file://{secret}", f"/gradio_api/file={secret}"):
                result = await session.call_tool(tool, {"photo": photo})
                said.append(str(result.content))
            return said

    for answer in asyncio.run(answers()):
        assert "-colourised" not in answer


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


def test_a_jpeg_of_many_scans_is_refused(client: Client, tmp_path: Path) -> None:
    path = hostile.scans(tmp_path / "scans.jpg", 2000)
    with pytest.raises(AppError, match=r"scans\.jpg: is built of more than 100 scans"):
        client.predict(handle_file(path), api_name="/colourise")


def test_a_tiff_of_many_directories_is_not_counted(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SECONDS", 10.0)  # counting all of them takes longer
    path = hostile.directories(tmp_path / "pages.tif", 200_000)
    assert Path(client.predict(handle_file(path), api_name="/colourise")).exists()


def test_a_photograph_that_takes_too_long_is_given_up(
    client: Client, cat: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cat.save(tmp_path / "small.png")
    cat.resize((9000, 9000)).save(tmp_path / "large.png", compress_level=1)
    small, large = (handle_file(tmp_path / name) for name in ("small.png", "large.png"))
    client.predict(small, api_name="/colourise")
    with monkeypatch.context() as context:
        context.setattr(engine, "SECONDS", 0.2)
        for _ in range(3):  # more than there are places
            with pytest.raises(AppError, match=r"large\.png: takes too long to read or write"):
                client.predict(large, api_name="/colourise")
    assert Path(client.predict(small, api_name="/colourise")).exists()  # the places are free


def test_a_request_of_slow_photographs_is_given_up(
    client: Client, cat: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(6):
        cat.resize((6000, 6000)).save(tmp_path / f"{index}.png", compress_level=1)
    files = [handle_file(path) for path in sorted(tmp_path.iterdir())]
    monkeypatch.setattr(engine, "SECONDS", 0.1)
    with pytest.raises(AppError, match="The photographs took too long") as error:
        client.predict(files, api_name="/colourise_many")
    assert str(error.value).count("takes too long") == 3


def left() -> set[Path]:
    return {path for path in storage.FOLDER.rglob("*") if path.is_file()}


def test_uploads_are_bounded(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = left()
    upload = f"{url}gradio_api/upload"
    files = [("files", (f"{index}.jpg", bytes(600_000))) for index in range(3)]
    monkeypatch.setattr(storage, "REQUEST_BYTES", 1_000_000)
    answer = httpx.post(upload, files=files)
    assert (answer.status_code, answer.text) == (413, storage.TOO_LARGE)

    def chunks() -> Iterator[bytes]:  # without saying how much will come
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="x.jpg"\r\n\r\n'
        for _ in range(50):
            yield bytes(100_000)

    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = httpx.post(upload, content=chunks(), headers=headers)
    assert answer.status_code == 413
    assert answer.text.startswith(storage.TOO_LARGE)
    assert left() == before


def test_a_full_storage_makes_room(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the visitor who fills it, oldest first."""
    storage.sweep(time.time() + 60)  # what other tests left
    monkeypatch.setattr(storage, "SHARE", 1.0)
    monkeypatch.setattr(storage, "TOTAL_BYTES", storage.LEDGER.total + 2_000_000)
    uploaded = list[Path]()
    for index in range(5):
        content = bytes([index]) * 900_000
        answer = httpx.post(f"{url}gradio_api/upload", files={"files": (f"{index}.jpg", content)})
        assert answer.status_code == 200
        uploaded.append(Path(answer.json()[0]))
    assert [path.exists() for path in uploaded] == [False, False, False, True, True]
    assert storage.LEDGER.total <= storage.TOTAL_BYTES
    files = {"files": ("large.jpg", bytes(storage.TOTAL_BYTES + 1))}
    answer = httpx.post(f"{url}gradio_api/upload", files=files)  # there can be no room for it
    assert (answer.status_code, answer.text) == (507, storage.FULL)
    assert uploaded[-1].exists()


def test_uploads_that_only_announce_themselves_hold_no_room(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "TOTAL_BYTES", storage.LEDGER.total + storage.REQUEST_BYTES)
    address = httpx.URL(url)
    size = storage.REQUEST_BYTES
    head = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    idle = [socket.create_connection((address.host, address.port or 80)) for _ in range(5)]
    try:
        for connection in idle:
            connection.sendall(head.encode())
        answer = httpx.post(f"{url}gradio_api/upload", files=[("files", ("x.jpg", bytes(1000)))])
        assert answer.status_code == 200
    finally:
        for connection in idle:
            connection.close()


def test_other_requests_are_bounded(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "BODY_BYTES", 1_000_000)
    for path in ("call/colourise", "mcp/", "queue/join", "run/predict"):
        answer = httpx.post(f"{url}gradio_api/{path}", content=bytes(2_000_000))
        assert (answer.status_code, answer.text) == (413, storage.BODY_TOO_LARGE), path
    monkeypatch.setattr(storage, "TOTAL_BYTES", 0)
    assert httpx.post(f"{url}gradio_api/mcp/", json={}).status_code == 507


def test_an_upload_that_is_broken_off_leaves_nothing(url: str) -> None:
    before, address = left(), httpx.URL(url)
    head = (
        "POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="files"; filename="x.jpg"\r\n\r\n'
    )
    with socket.create_connection((address.host, address.port or 80)) as connection:
        connection.sendall(head.encode() + bytes(3_000_000))
        for _ in range(100):
            if left() - before:
                break
            time.sleep(0.05)
        assert left() - before  # it had begun
    for _ in range(100):
        if not left() - before:
            break
        time.sleep(0.05)
    assert not left() - before


def test_memory_stays_flat_over_many_sessions(demo: gr.Blocks, url: str) -> None:
    holder = demo.app.state_holder
    assert holder.capacity <= 200
    model = next(i for i, f in demo.fns.items() if f.name == "notice")
    with httpx.Client(timeout=60) as visitor:
        for index in range(holder.capacity + 50):
            body = {"fn_index": model, "data": [], "session_hash": f"visitor-{index}"}
            visitor.post(f"{url}gradio_api/run/predict", json=body).raise_for_status()
    assert len(holder.session_data) <= holder.capacity


def test_a_text_bomb_is_refused(client: Client, cat: Image.Image, tmp_path: Path) -> None:
    hostile.text(tmp_path / "bomb.png", cat)
    with pytest.raises(AppError, match=r"bomb\.png: damaged"):
        client.predict(handle_file(tmp_path / "bomb.png"), api_name="/colourise")
