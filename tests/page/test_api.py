"""The page's endpoints, as programs call them."""

import asyncio
import base64
import json
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import anyio
import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import ExifTags, Image

from colouriser import ColouriserError, Hint, photo
from colouriser.follow import ModelFollower
from colouriser.options import OPTIONS, Options, Wishes
from colouriser.page import build, launch, storage
from colouriser.page.studio import Studio
from colouriser.pipeline import Prediction, WorkingCopy
from colouriser.pool import Process
from colouriser.samples import PICTURES

from ..conftest import ROOT
from ..photographs import stored_luma, write_odd

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(cat: Image.Image) -> Iterator[str]:
    demo = build(ModelFollower(None, cat))
    yield launch(demo, prevent_thread_lock=True, quiet=True)
    demo.close()


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".gif", ".heic"])
def test_colourise(suffix: str, client: Client, cat: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / f"cat{suffix}"
    cat.save(path)
    result = Path(client.predict(handle_file(path), api_name="/colourise"))
    expected = {".gif": ".png", ".heic": ".png"}.get(suffix, suffix)
    assert result.name == f"cat-colourised{expected}"
    with Image.open(result) as image:
        assert image.size == cat.size
        error = np.asarray(image.convert("L"), int) - np.asarray(photo.read(path).luma, int)
        if suffix == ".jpg":  # luma stays in the file; chroma at half size can leave RGB at edges
            assert np.array_equal(stored_luma(result), stored_luma(path))
            assert (np.abs(error) > 2).mean() < 0.01
        else:
            assert np.abs(error).max() <= 1
        assert np.ptp(np.asarray(image.convert("RGB"), int), axis=2).mean() > 3


def test_settings_of_an_endpoint(client: Client, cat: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 0.0)
    cat.save(tmp_path / "cat.jpg", exif=exif)

    def colourise(**settings: object) -> Path:
        file = handle_file(tmp_path / "cat.jpg")
        return Path(client.predict(file, **settings, api_name="/colourise"))

    def chroma(path: Path) -> np.ndarray:
        with Image.open(path) as image:
            return np.asarray(image.convert("YCbCr"), dtype=float)[..., 1:] - 128

    def position(path: Path) -> dict:
        with Image.open(path) as image:
            return dict(image.getexif().get_ifd(ExifTags.IFD.GPSInfo))

    plain = colourise()
    assert position(plain) == {}
    assert b"compositeWithTrainedAlgorithmicMedia" in plain.read_bytes()
    assert position(colourise(keep_position=True)) != {}
    png = colourise(format="png")
    assert png.suffix == ".png"
    assert b"compositeWithTrainedAlgorithmicMedia" in png.read_bytes()
    assert np.abs(chroma(colourise(vividness=0))).max() <= 1
    warm, cool = (chroma(colourise(temperature=t)).mean((0, 1)) for t in (1, -1))
    assert warm[0] < chroma(plain).mean((0, 1))[0] < cool[0]  # less blue
    assert warm[1] > cool[1]  # more red
    marked_png = colourise(mark=True, format="png")
    with Image.open(marked_png) as marked, Image.open(png) as unmarked:
        changed = np.asarray(marked, int) != np.asarray(unmarked, int)
        assert 0 < changed.mean() < 0.1
        assert not changed[: cat.height // 2].any()  # below, in the corner


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("broken.jpg", b"no image", r"broken\.jpg: not an image that can be read; use"),
        ("empty.png", b"", r"empty\.png: an empty file"),
    ],
)
def test_errors_are_messages(
    name: str, content: bytes, message: str, client: Client, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AppError, match=message) as error:
        client.predict(handle_file(tmp_path / name), api_name="/colourise")
    assert str(tmp_path) not in str(error.value)
    assert "/gradio/" not in str(error.value)


def test_too_many_pixels_are_refused_before_decoding(client: Client, tmp_path: Path) -> None:
    huge = tmp_path / "huge.png"
    Image.new("1", (20_000, 20_000)).save(huge)
    with pytest.raises(AppError, match=r"huge\.png: .*more than the limit of 150 mega"):
        client.predict(handle_file(huge), api_name="/colourise")


def test_too_many_bytes_are_refused(
    url: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"files": ("big.jpg", b"\0" * (storage.MAX_BYTES + 1))}
    answer = httpx.post(f"{url}gradio_api/upload", files=files, timeout=60)
    assert answer.status_code == 413
    assert str(storage.MAX_BYTES) in answer.text


def test_settings_out_of_range(client: Client, tmp_path: Path, cat: Image.Image) -> None:
    cat.save(tmp_path / "cat.png")
    with pytest.raises(AppError, match="vividness must be from 0 to 2, not 9"):
        client.predict(handle_file(tmp_path / "cat.png"), vividness=9, api_name="/colourise")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"detail": 2048}, "detail must be from 64 to 1024 in whole numbers, not 2048"),
        ({"detail": 256.5}, "detail must be from 64 to 1024 in whole numbers, not 256.5"),
        ({"detail": None}, "detail must be a number, not None"),
        ({"vividness": True}, "vividness must be a number, not True"),
        ({"vividness": "1"}, "vividness must be a number, not '1'"),
        ({"temperature": -1.5}, "temperature must be from -1 to 1, not -1.5"),
        ({"format": "jpeg"}, "format must be one of original, png, not 'jpeg'"),
        ({"format": ["png"]}, r"format must be one of original, png, not \['png'\]"),
        ({"keep_position": "false"}, "keep_position must be true or false, not 'false'"),
        ({"mark": 1}, "mark must be true or false, not 1"),
    ],
)
def test_settings_that_are_no_good(
    settings: dict[str, object], message: str, client: Client, cat: Image.Image, tmp_path: Path
) -> None:
    cat.save(tmp_path / "cat.png")
    file = handle_file(tmp_path / "cat.png")
    with pytest.raises(AppError, match=message):
        client.predict(file, **settings, api_name="/colourise")
    with pytest.raises(AppError, match=f"^{message}"):
        client.predict([file], **settings, api_name="/colourise_many")


def test_failures_of_one_name_are_all_told(client: Client, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "album.zip", "w") as archive:
        archive.writestr("a/x.jpg", b"no image")
        archive.writestr("b/x.jpg", b"no image")
    with pytest.raises(
        AppError, match=r"No photograph could be coloured\. a/x\.jpg: not an .* b/x\.jpg: not an "
    ):
        client.predict([handle_file(tmp_path / "album.zip")], api_name="/colourise_many")


def test_colourise_many(client: Client, cat: Image.Image, tmp_path: Path) -> None:
    for name in ("one.jpg", "two.png", "three.heic"):
        cat.resize((90, 60)).convert("L").save(tmp_path / name)
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(tmp_path / "one.jpg", "folder/one.jpg")  # the same name again
        archive.write(tmp_path / "one.jpg", "one.jpg")
        archive.write(tmp_path / "two.png", "folder/four.png")
        archive.writestr("folder/four.png.json", '{"description": "a cat"}')
        archive.writestr("folder/notes.txt", "passed over")
        archive.writestr("folder/scan.psd", b"8BPS\0\1")
        archive.writestr("__MACOSX/._four.png", "passed over")
    names = ("one.jpg", "two.png", "three.heic", "broken.jpg", "more.zip")
    files = [handle_file(tmp_path / name) for name in names]
    result, failures = client.predict(files, api_name="/colourise_many")
    with zipfile.ZipFile(result) as archive:
        assert set(archive.namelist()) == {
            "one-colourised.jpg",
            "one-2-colourised.jpg",
            "two-colourised.png",
            "three-colourised.png",
            "folder/one-colourised.jpg",
            "folder/four-colourised.png",
            "folder/four-colourised.png.json",
        }
        assert archive.testzip() is None
    broken, passed, named = failures
    assert broken.startswith("broken.jpg: not an image")
    assert passed == "passed over: files of systems: 1; other files: 1"
    assert named.startswith("passed over: folder/scan.psd: a document of Photoshop")


def test_one_in_colour_is_no_result(
    client: Client, cat: Image.Image, astronaut: Image.Image, tmp_path: Path
) -> None:
    cat.save(tmp_path / "cat.png")
    astronaut.save(tmp_path / "astronaut.png")
    photos = [handle_file(tmp_path / name) for name in ("cat.png", "astronaut.png")]
    with pytest.raises(AppError, match=r"astronaut\.png: is in colour already; ask for recolour"):
        client.predict(photos[1], api_name="/colourise")
    result = client.predict(photos[1], recolour=True, api_name="/colourise")
    assert Path(result).name == "astronaut-colourised.png"
    packed, lines = client.predict(photos, api_name="/colourise_many")
    assert lines == ["astronaut.png: in colour already, copied as it is"]
    with zipfile.ZipFile(packed) as archive:
        assert set(archive.namelist()) == {"cat-colourised.png", "astronaut.png"}
        assert archive.read("astronaut.png") == (tmp_path / "astronaut.png").read_bytes()


def test_what_is_odd_is_said(
    url: str, client: Client, cat: Image.Image, astronaut: Image.Image, tmp_path: Path
) -> None:
    write_odd(tmp_path / "odd.jpg", cat)
    Image.new("RGB", (200, 200), (200, 40, 40)).save(tmp_path / "red.png")
    _, lines = client.predict([handle_file(tmp_path / "odd.jpg")], api_name="/colourise_many")
    assert ["odd.jpg: what follows the photograph" in line for line in lines] == [True]

    # Of one photograph it comes as messages on the way, which gradio_client shows in job.status().
    names = [one["api_name"] for one in client.config["dependencies"]]
    files = [("files", (n, (tmp_path / n).read_bytes())) for n in ("odd.jpg", "red.png")]
    paths = httpx.post(f"{url}gradio_api/upload", files=files).json()
    first, other = ({"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths)
    values = [setting.default for setting in OPTIONS.values()]
    values[list(OPTIONS).index("format")] = "png"
    asked = {"data": [first, *values, None, other, 1, 0], "fn_index": names.index("colourise")}
    queue, session = f"{url}gradio_api/queue", {"session_hash": "odd"}
    httpx.post(f"{queue}/join", json=asked | session).raise_for_status()
    with httpx.stream("GET", f"{queue}/data", params=session, timeout=60) as answer:
        sent = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    assert sent[-2]["output"]["data"][0]["orig_name"] == "odd-colourised.png"
    said = "\n".join(message["log"] for message in sent if message["msg"] == "log")
    assert "odd.jpg: what follows the photograph" in said
    assert "details of old cameras and programs stay behind" in said
    assert "the reference shows nothing that looks alike" in said


def test_no_photograph_at_all(client: Client, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(AppError, match="No photograph could be coloured"):
        client.predict([handle_file(tmp_path / "broken.jpg")], api_name="/colourise_many")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(AppError, match=r"broken\.zip"):
        client.predict([handle_file(tmp_path / "broken.zip")], api_name="/colourise_many")


def test_photographs_do_not_disturb_each_other(
    url: str, cat: Image.Image, astronaut: Image.Image, tmp_path: Path
) -> None:
    cat.save(tmp_path / "cat.png")
    astronaut.convert("L").save(tmp_path / "astronaut.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    alone = {}
    client = Client(url, verbose=False)
    for name in ("cat", "astronaut"):
        alone[name] = Path(
            client.predict(handle_file(tmp_path / f"{name}.png"), api_name="/colourise")
        ).read_bytes()
    names = ["cat", "broken", "astronaut"] * 4
    jobs = [
        (n, client.submit(handle_file(tmp_path / f"{n}.png"), api_name="/colourise")) for n in names
    ]
    for name, job in jobs:
        if name == "broken":
            with pytest.raises(AppError):
                job.result()
        else:
            assert Path(job.result()).read_bytes() == alone[name]


def readme_blocks() -> dict[str, str]:
    """The README's code blocks about the page's endpoints, by their first word."""
    text = (ROOT / "README.md").read_text()
    section = text.partition("## Use it from programs")[2].partition("\n## ")[0]
    blocks = re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL)
    return dict(blocks)


def test_readme_python_client(url: str, cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / "photo.jpg")
    code = readme_blocks()["python"].replace("http://127.0.0.1:7860", url)
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip().endswith("photo-colourised.jpg")


def test_readme_curl(url: str, cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / "photo.jpg")
    code = readme_blocks()["bash"].replace("http://127.0.0.1:7860", url.rstrip("/"))
    result = subprocess.run(["bash", "-ec", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    with Image.open(tmp_path / "coloured.jpg") as image:
        assert image.size == cat.size


def test_readme_mcp(url: str) -> None:
    address = json.loads(readme_blocks()["json"])["mcpServers"]["colouriser"]["url"]
    address = address.replace("http://127.0.0.1:7860/", url)
    data = base64.b64encode(PICTURES[0].read_bytes()).decode()

    async def talk() -> tuple[set[str], str]:
        async with (
            streamablehttp_client(address) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            colourise = next(t for name, t in tools.items() if name.endswith("colourise"))
            assert "plausible colours" in (colourise.description or "")
            assert any(name.endswith("suggest") for name in tools)
            assert not any("many" in name for name in tools)  # it could not be called
            answer = await session.call_tool(
                colourise.name, {"photo": f"data:image/jpeg;base64,{data}"}
            )
            return set(tools), str(answer.content)

    _, answer = asyncio.run(talk())
    assert "-colourised.jpg" in answer or "image/" in answer


def test_as_many_are_coloured_at_once_as_the_readme_says(
    cat: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cat.save(tmp_path / "cat.png")
    together, most, lock = 0, 0, Lock()
    colourise = Studio.colourise

    def counted(self: Studio, *arguments: Any, **named: Any) -> Any:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.5)
        result = colourise(self, *arguments, **named)
        with lock:
            together -= 1
        return result

    monkeypatch.setattr(Studio, "colourise", counted)
    demo = build(ModelFollower(None, cat))
    try:
        client = Client(launch(demo, prevent_thread_lock=True, quiet=True), verbose=False)
        file = handle_file(tmp_path / "cat.png")
        jobs = [client.submit(file, api_name="/colourise") for _ in range(6)]
        assert all(Path(job.result()).exists() for job in jobs)
    finally:
        demo.close()
    assert most == 2
    assert "colours two at once" in " ".join((ROOT / "README.md").read_text().split())


def test_endpoints_are_documented(url: str) -> None:
    info = httpx.get(f"{url}gradio_api/info").json()["named_endpoints"]
    assert set(info) == {"/colourise", "/colourise_many", "/film", "/suggest"}
    names = [p["parameter_name"] for p in info["/colourise"]["parameters"]]
    assert names == [
        "photo",
        "detail",
        "vividness",
        "temperature",
        "format",
        "keep_position",
        "mark",
        "recolour",
        "keep_tints",
        "invert",
        "hints",
        "reference",
        "strength",
        "variants",
    ]


def test_only_the_apps_own_files_are_served(url: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("what nobody may see")
    for path in (
        secret,
        Path("/etc/passwd"),
        ROOT / "app.py",
        ROOT / ".git",
    ):
        answer = httpx.get(f"{url}gradio_api/file={path}")
        assert answer.status_code in (403, 404), path
        assert "what nobody may see" not in answer.text


def test_nothing_is_fetched_from_elsewhere(url: str) -> None:
    page = httpx.get(url).text
    assert not re.findall(r'(?:src|href)="https?://(?!127\.0\.0\.1)[^"]+\.(?:js|css|woff2?)"', page)


def test_the_networks_answer_is_kept(
    cat: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cat.save(tmp_path / "cat.png")
    studio, asked = Studio(ModelFollower(None, cat)), []
    predict = studio.predict

    def counted(copy: WorkingCopy, *values: Any) -> tuple[str, Prediction]:
        asked.append(values)
        return predict(copy, *values)

    monkeypatch.setattr(studio, "predict", counted)
    file, hint = tmp_path / "cat.png", Hint(100, 100, "#3050a0")
    with studio.slot() as slot:
        pictures = [
            studio.preview(slot, file, wishes, options).read_bytes()
            for wishes, options in (
                (Wishes(), Options()),
                (Wishes(), Options(vividness=1.5)),
                (Wishes((hint,)), Options()),
                (Wishes(), Options(vividness=1.5)),
            )
        ]
    studio.pool.close()
    assert len(set(pictures)) == 3
    assert pictures[1] == pictures[3]
    assert len(asked) == 2  # vividness did not ask again


def test_hints_reference_and_variants(
    client: Client, cat: Image.Image, astronaut: Image.Image, tmp_path: Path
) -> None:
    cat.save(tmp_path / "cat.png")
    astronaut.save(tmp_path / "other.png")
    file = handle_file(tmp_path / "cat.png")

    def chroma(path: str, x: int, y: int) -> np.ndarray:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("YCbCr"), float)[y - 3 : y + 4, x - 3 : x + 4, 1:]
        return pixels.mean((0, 1)) - 128

    hints = [{"x": 60, "y": 200, "colour": "#3050a0"}]
    hinted = client.predict(file, hints=hints, api_name="/colourise")
    assert chroma(hinted, 60, 200)[0] > 15  # blue
    variants = client.predict(file, variants=3, api_name="/colourise")
    assert len({Path(path).read_bytes() for path in variants}) == 3
    other = handle_file(tmp_path / "other.png")
    borrowed = client.predict(file, reference=other, strength=0.5, api_name="/colourise")
    assert Image.open(borrowed).size == cat.size
    colours = client.predict(file, 60, 200, 4, api_name="/suggest")
    assert 1 <= len(colours) <= 4
    assert all(re.fullmatch("#[0-9a-f]{6}", c["colour"]) for c in colours)
    chances = [colour["probability"] for colour in colours]
    assert chances == sorted(chances, reverse=True)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"hints": [{"x": 9000, "y": 1, "colour": "red"}]}, "outside of the photograph"),
        ({"hints": [{"x": 1, "y": 1}]}, "a hint has x, y, colour"),
        ({"hints": "red"}, "must be a list"),
        ({"hints": [{"x": 1, "y": 1, "colour": "reddish"}]}, "is no colour"),
        ({"variants": 17}, "variants must be from 1 to 16"),
        ({"variants": 1.5}, "variants must be from 1 to 16 in whole numbers"),
        ({"strength": 2}, "strength must be from 0 to 1"),
    ],
)
def test_wishes_are_checked(
    named: dict, message: str, client: Client, cat: Image.Image, tmp_path: Path
) -> None:
    cat.save(tmp_path / "cat.png")
    with pytest.raises((AppError, ValueError), match=message):
        client.predict(handle_file(tmp_path / "cat.png"), **named, api_name="/colourise")


@pytest.mark.parametrize(("place", "message"), [((-1, 5), "outside"), (("a", 5), "a number")])
def test_places_are_checked(
    place: tuple, message: str, client: Client, cat: Image.Image, tmp_path: Path
) -> None:
    cat.save(tmp_path / "cat.png")
    with pytest.raises(AppError, match=message):
        client.predict(handle_file(tmp_path / "cat.png"), *place, api_name="/suggest")


def test_a_place_is_waited_for_and_not_for_ever(
    cat: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = Studio(ModelFollower(None, cat))
    monkeypatch.setattr("colouriser.page.studio.SECONDS", 0.2)
    busy = pytest.raises(ColouriserError, match="Many people")
    with studio.slot(), studio.slot(), busy, studio.slot():
        pass
    with studio.slot():  # it is free again
        pass


def test_browsers_wait_without_a_thread_and_not_without_bound(
    cat: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = Studio(ModelFollower(None, cat))
    monkeypatch.setattr("colouriser.page.studio.WAITING", 3)
    answers, threads = list[str](), threading.active_count()

    async def visit() -> None:
        try:
            async with studio.slot_later():
                answers.append("served")
        except ColouriserError as error:
            answers.append(error.code)

    async def crowd() -> None:
        async with studio.slot_later(), studio.slot_later(), anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(visit)
            await anyio.sleep(0.2)
            assert answers == ["busy", "busy"]  # at once
            assert threading.active_count() == threads
            studio.pool.free.put(Process())  # a turn becomes free
            await anyio.sleep(0.5)
            assert answers == ["busy", "busy", "served", "served", "served"]

    anyio.run(crowd)


def test_a_host_that_is_none(url: str) -> None:
    for host in ("[", "a b", '"><script>'):
        answer = httpx.get(url, headers={"host": host})
        assert answer.status_code == 200
        assert "<script>/" not in answer.text


def test_a_full_queue_says_so(
    cat: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colouriser.page.QUEUE", 1)
    cat.resize((3000, 2000)).save(tmp_path / "cat.png", compress_level=0)
    demo = build(ModelFollower(None, cat))
    address = launch(demo, prevent_thread_lock=True, quiet=True)
    try:
        client = Client(address, verbose=False)
        file = handle_file(tmp_path / "cat.png")
        jobs = [client.submit(file, api_name="/colourise") for _ in range(8)]
        errors = [error for error in (job.exception() for job in jobs) if error]
        assert 0 < len(errors) < 8  # some were coloured
        assert all("Queue is full" in str(error) for error in errors)
    finally:
        demo.close()


def test_the_page_and_its_examples_are_served(url: str) -> None:
    assert "Colouriser" in httpx.get(url).text
    assert len(PICTURES) >= 5
    for path in PICTURES:
        with Image.open(path) as image:
            assert image.mode == "L"
