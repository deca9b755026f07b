"""Reading and writing in a process that can be stopped."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from colouriser import PhotoError
from colouriser.photo import read, write
from colouriser.photo.guard import Guard


@pytest.fixture(scope="module")
def guard() -> Guard:
    return Guard()


def soon() -> float:
    return time.monotonic() + 60


def test_photographs_come_through(guard: Guard, cat: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Box Brownie"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] = (1, 50)
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 0.0)
    cat = cat.copy()
    cat.putalpha(90)
    cat.save(tmp_path / "cat.png", exif=exif, dpi=(300, 300))
    photo, own = guard(soon(), read, tmp_path / "cat.png"), read(tmp_path / "cat.png")
    assert photo.luma.tobytes() == own.luma.tobytes()
    assert photo.alpha
    assert own.alpha
    assert photo.alpha.tobytes() == own.alpha.tobytes()
    assert photo.dpi == own.dpi
    guard(soon(), write, cat.convert("RGB"), tmp_path / "out.png", photo, True)
    write(cat.convert("RGB"), tmp_path / "own.png", own, True)
    assert (tmp_path / "out.png").read_bytes() == (tmp_path / "own.png").read_bytes()


def test_errors_come_through(guard: Guard, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"none\.jpg: no such file") as error:
        guard(soon(), read, tmp_path / "none.jpg")
    assert error.value.code == "not_found"
    with pytest.raises(PhotoError, match="cannot be used"):
        guard(soon(), int, "no number")


def test_what_takes_too_long_is_stopped(guard: Guard) -> None:
    started = time.monotonic()
    with pytest.raises(PhotoError, match="takes too long"):
        guard(started + 0.5, time.sleep, 600)
    assert time.monotonic() - started < 60
    assert guard(soon(), abs, -3) == 3  # the next is served


def test_a_process_that_dies_is_an_error(guard: Guard) -> None:
    with pytest.raises(PhotoError, match="in the memory there is"):
        guard(soon(), os._exit, 1)
    assert guard(soon(), abs, -3) == 3


def test_an_idle_process_that_died_is_passed_over(guard: Guard) -> None:
    os.kill(guard(soon(), os.getpid), signal.SIGKILL)
    time.sleep(0.2)
    assert guard(soon(), abs, -3) == 3


def test_threads_have_a_process_each(guard: Guard) -> None:
    def call(_: int) -> int:
        guard(soon(), time.sleep, 0.3)
        return guard(soon(), os.getpid)

    with ThreadPoolExecutor(3) as pool:
        assert os.getpid() not in set(pool.map(call, range(3)))
    assert len(guard.idle) >= 2
