"""Archives in a bucket, on an S3 server on this machine."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image
from typer.testing import CliRunner, Result

from colouriser.__main__ import program
from colouriser.archive import Summary
from colouriser.archive.manifest import Manifest
from colouriser.archive.store import open_store, photographs, safe
from colouriser.debris import PassedOver
from colouriser.film.read import Film

from ..film.films import scene, write_film
from .conftest import CREDENTIALS, Machines, command, on

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(
    server: str, monkeypatch: pytest.MonkeyPatch, cat: Image.Image, tmp_path: Path
) -> Iterator[str]:
    """A bucket "album" with photographs in the folder "scans"; the rest of its URIs."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=server)
    client.create_bucket(Bucket="album")
    cat.convert("L").save(tmp_path / "cat.jpg")
    scan = (tmp_path / "cat.jpg").read_bytes()
    for key in ("one.jpg", "1938/Straße, zwei.JPG", "1938/three.jpg"):
        client.put_object(Bucket="album", Key=f"scans/{key}", Body=scan)
    client.put_object(Bucket="album", Key="scans/broken.png", Body=b"no image")
    client.put_object(Bucket="album", Key="scans/notes.txt", Body=b"no photograph")
    yield f"endpoint_override={server}&scheme=http"
    for item in client.list_objects_v2(Bucket="album").get("Contents", []):
        client.delete_object(Bucket="album", Key=item["Key"])


def keys(server: str) -> set[str]:
    listed = boto3.client("s3", endpoint_url=server).list_objects_v2(Bucket="album")
    return {item["Key"] for item in listed.get("Contents", [])}


def in_process(*arguments: str) -> Result:
    return CliRunner().invoke(program, ["archive", *arguments])


def test_films_of_a_bucket(bucket: str, server: str, tmp_path: Path, machines: Machines) -> None:
    pictures = [p.mean(2, keepdims=True).astype("u1").repeat(3, 2) for p in scene("coffee", 6)]
    client = boto3.client("s3", endpoint_url=server)
    client.upload_file(write_film(tmp_path / "fair.mkv", pictures), "album", "films/1938/fair.mkv")
    source, target = f"s3://album/films?{bucket}", f"s3://album/coloured?{bucket}"
    assert on(machines, source, target)[0] == Summary(coloured=1)
    client.download_file("album", "coloured/1938/fair.mkv", tmp_path / "result.mkv")
    assert len(list(Film.open(tmp_path / "result.mkv").frames())) == 6


def test_from_bucket_to_bucket(
    bucket: str, server: str, cat: Image.Image, tmp_path: Path, machines: Machines
) -> None:
    source, target = f"s3://album/scans?{bucket}", f"s3://album/scans/coloured?{bucket}"
    first = command("archive", source, target)
    assert first.stderr.splitlines()[-1] == "3 coloured, 0 found, 0 skipped, 1 failed"
    assert "error: broken.png: not an image" in first.stderr
    made = {key.removeprefix("scans/") for key in keys(server)}
    photos = {"one.jpg", "1938/Straße, zwei.JPG", "1938/three.jpg"}
    assert {key for key in made if key.startswith("coloured/")} == {f"coloured/{p}" for p in photos}
    (manifest,) = (key for key in made if key.endswith(".parquet"))
    assert manifest.startswith("coloured.manifest/")

    command("colour", tmp_path / "cat.jpg", "-o", tmp_path / "here")  # the same, as a file
    client = boto3.client("s3", endpoint_url=server)
    data = client.get_object(Bucket="album", Key="scans/coloured/one.jpg")["Body"].read()
    assert data == (tmp_path / "here" / "cat.jpg").read_bytes()

    again, _ = on(machines, source, target)
    assert again == Summary(skipped=3, failed=1)
    entries = Manifest(open_store(target)).entries()
    assert {name for name, entry in entries.items() if entry.good} == photos
    assert {name for name, entry in entries.items() if not entry.good} == {"broken.png"}


def test_names_that_lead_elsewhere(bucket: str, server: str, tmp_path: Path) -> None:
    client = boto3.client("s3", endpoint_url=server)
    for key in ("../up.jpg", "a/../../../up.jpg", "a/./b.jpg"):
        client.put_object(Bucket="album", Key=f"scans/{key}", Body=b"-")
    out = tmp_path / "here" / "out"
    files, problems = photographs(
        open_store(f"s3://album/scans?{bucket}"), open_store(str(out)), PassedOver()
    )
    assert not [file.name for file in files if ".." in file.name]
    assert not safe("zero\0.jpg")
    assert len(files) == 4  # those of the fixture
    assert all("rename it" in str(problem) for problem in problems)
    assert problems


def test_what_cannot_be(bucket: str, server: str, tmp_path: Path) -> None:
    nowhere = in_process(f"s3://nobody/scans?{bucket}", str(tmp_path / "out"))
    assert nowhere.exit_code == 1
    assert "there is no folder s3://nobody/scans" in nowhere.stderr
    unwritable = in_process(f"s3://album/scans?{bucket}", f"s3://nobody/out?{bucket}")
    assert unwritable.exit_code == 1
    assert "s3://nobody/out.manifest cannot be written" in unwritable.stderr
    for result in (nowhere, unwritable):
        assert len(result.stderr.splitlines()) == 1
