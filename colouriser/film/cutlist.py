"""Lists of scenes, for people: a line for each, with its first frame and when that is shown."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from ..errors import FilmError, SettingError, reason
from ..files import write_bytes
from ..options import quoted

MAX_BYTES = 10_000_000  # of a list: a scene for each of a quarter of a million frames


def write_scenes(path: Path, scenes: Sequence[int], times: Sequence[int], base: Fraction) -> None:
    """Write a list.

    Args:
        scenes: their first frames.
        times: of all frames, in units of `base` seconds.

    Raises:
        OSError: the disk is full, say.
    """
    lines = ["# first frame of each scene, and when it is shown; times are not read"]
    for first in scenes:
        minutes, seconds = divmod(float((times[first] - times[0]) * base), 60)
        hours, minutes = divmod(int(minutes), 60)
        lines.append(f"{first}\t{hours}:{minutes:02d}:{seconds:06.3f}")
    write_bytes(path, "\n".join([*lines, ""]).encode())


def read_scenes(path: Path) -> list[int]:
    """The first frames of scenes in a list.

    Raises:
        FilmError: it is none.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_BYTES).decode()
        lines = [line for line in text.splitlines() if line.strip() and line[0] != "#"]
        scenes = [int(line.split()[0]) for line in lines]
    except (OSError, ValueError) as error:
        raise FilmError(
            "film_scenes",
            "cannot be read ({reason}); give a line for each scene that begins with its first "
            "frame",
            reason=reason(error),
        ).of(path.name) from error
    if not scenes or scenes[0] != 0 or scenes != sorted(set(scenes)):
        raise FilmError(
            "film_scenes_order", "the first scene begins at frame 0, each other one later"
        ).of(path.name)
    return scenes


def seconds(name: str, text: str) -> float:
    """A time such as 80, 1:20 or 1:02:03.5, in seconds.

    Raises:
        SettingError: it is none.
    """
    try:
        parts = [float(part) for part in text.split(":")]
        if not 1 <= len(parts) <= 3 or not all(0 <= part < 1e6 for part in parts):
            raise ValueError
    except ValueError as error:
        raise SettingError(
            "no_time",
            "{setting} must be a time such as 80, 1:20 or 1:02:03.5, not {value}",
            setting=name,
            value=quoted(text),
        ) from error
    return sum(part * 60**power for power, part in enumerate(reversed(parts)))
