"""Photographs -> bytes at their stored size, with splits.

RUN/photographs.bin, .csv   see photographs.py
RUN/skipped.csv             file, reason: what could not be used
RUN/sources.csv             source, dataset, licence, photographs: as the lists say; in training
"""

import hashlib
import logging
import math
import os
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from colouriser.debris import PassedOver
from colouriser.errors import PhotoError
from colouriser.photo import read_picture
from colouriser.sources import search

from ..errors import TrainingError
from ..recipes import Recipe
from ..run import SPLITS, Run, read_csv, write_csv
from .photographs import write_photographs

log = logging.getLogger(__name__)

PETS = "Oxford-IIIT Pet Dataset"
FEWEST = 20  # usable photographs; with fewer, a split would be empty
HEAVIEST = 100.0  # weight of a photograph; beyond this a list is mistaken
AHEAD = 256  # photographs decoded by threads at a time: what they take in memory is bounded


@dataclass(frozen=True)
class Listed:
    """What a list says of a photograph."""

    split: str
    set: str
    weight: float
    people: bool


SOURCE = ("source", "dataset", "licence")  # columns of a list that say where photographs are from


def prepare(
    recipe: Recipe, run: Run, folders: list[Path], lists: list[Path], apart: list[str]
) -> None:
    """Sample photographs, store them, and fix the splits.

    A photograph's set decides in which table of the evaluation it stands: it is the name of its
    list, or its source if that is to stand apart; "photographs" without a list.

    Args:
        recipe: decides how many photographs, and their size.
        run: the run folder.
        folders: where photographs are looked for, recursively; the Oxford-IIIT Pet Dataset is
            downloaded if there is none.
        lists: CSV files with columns "file" and "split", and if wanted "source", "weight" (how
            often the photograph is seen in training, 1 unless given) and "people" (1 if there are
            any). A file is a name or, where a name occurs in several folders, a path in its folder.
            Photographs in none of them get a split by a hash of it, which stays the same when
            others are added.
        apart: sources that get a set of their own.

    Raises:
        TrainingError: fewer than 20 usable photographs, an empty split, a bad list, or a failed
            download.
    """
    if run.is_prepared:
        log.info("%s has its photographs already; choose another --run for others", run.folder)
        return
    for folder in folders:
        if not folder.is_dir():
            raise TrainingError(f"{folder} is no folder; check --images")
    listed = _read_lists(lists, apart)
    folders = folders or [_download_pets()]
    passed = PassedOver()
    files = sorted(
        (folder / name, name)
        for folder in folders
        for name in search(folder, None, passed)[0]
        if (folder / name).is_file()
    )
    for line in passed.lines():
        log.info("%s", line)
    random.Random(recipe.seed).shuffle(files)
    names = Counter(file.name for file, _ in files)
    stems, splits = Counter[str](), Counter[str]()
    skipped = [
        (_shown(error.about), str(error).removeprefix(f"{error.about}: "))
        for error in passed.unread
    ]

    def usable() -> Iterator[tuple[Image.Image, dict[str, object]]]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            bar = tqdm(total=len(files), desc="prepare", unit="photo", disable=None)
            for start in range(0, len(files), AHEAD):
                if sum(stems.values()) == recipe.sample:
                    break
                some = files[start : start + AHEAD]
                opened = pool.map(lambda file: _open(file[0], recipe.stored_size), some)
                for (file, place), result in zip(some, opened, strict=True):
                    bar.update()
                    if isinstance(result, str):
                        skipped.append((_shown(file), result))
                        continue
                    if sum(stems.values()) == recipe.sample:
                        break
                    stem = Path(_shown(file)).stem
                    stems[stem] += 1
                    number = stems[stem]
                    name = stem if number == 1 else f"{stem}_{number}"
                    unique = file.name if names[file.name] == 1 else place
                    row = listed.get(place) or listed.get(unique) or _by_hash(unique)
                    splits[row.split] += 1
                    yield result, {"name": name, **asdict(row)}
        _check_splits(splits, folders)

    try:
        write_photographs(run.folder, usable())
    finally:
        for path, reason in sorted(skipped):
            log.warning("skipped %s: %s", path, reason)
        columns = ("file", "reason")
        losses = (dict(zip(columns, row, strict=True)) for row in sorted(skipped))
        write_csv(run.folder / "skipped.csv", columns, losses)
    write_sources(run, lists)
    log.info("%s in %s, %d files skipped", _counts(splits), run.folder, len(skipped))


def write_sources(run: Run, lists: list[Path]) -> None:
    """Write where a prepared run's training photographs are from, and under which terms, as far as
    their lists say so."""
    stems = {row.name for row in run.photographs.rows if row.split == "train"}
    counts = Counter(
        tuple(row.get(column) or "" for column in SOURCE)
        for path in lists
        for row in read_csv(path, "file")
        if Path(row["file"]).stem in stems
    )
    rows = [
        dict(zip(SOURCE, source, strict=True)) | {"photographs": count}
        for source, count in sorted(counts.items())
        if any(source)
    ]
    if rows:
        write_csv(run.sources_csv, (*SOURCE, "photographs"), rows)


def _counts(splits: Counter[str]) -> str:
    numbers = ", ".join(f"{splits[split]} {split}" for split in SPLITS)
    return f"{sum(splits.values())} photographs ({numbers})"


def _check_splits(splits: Counter[str], folders: list[Path]) -> None:
    if sum(splits.values()) < FEWEST:
        raise TrainingError(
            f"only {sum(splits.values())} usable photographs in "
            f"{', '.join(map(str, folders))}; "
            f"give at least {FEWEST} colour photographs with --images"
        )
    if not all(splits[split] for split in SPLITS):
        raise TrainingError(
            f"a split is empty ({_counts(splits)}); add photographs, or give --splits"
        )


def _by_hash(name: str) -> Listed:
    return Listed(split_by_hash(_shown(name)), "photographs", 1.0, False)


def split_by_hash(name: str) -> str:
    """A split for a file name: 80 % train, 10 % valid, 10 % test."""
    share = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
    return "train" if share < 0.8 else "valid" if share < 0.9 else "test"


def _shown(file: Path | str) -> str:
    """A path as text; bytes that are no UTF-8 are escaped."""
    return os.fsencode(file).decode("utf-8", "backslashreplace")


def _download_pets() -> Path:
    from fastai.data.external import URLs, untar_data  # a slow import that others can do without

    try:
        return untar_data(URLs.PETS) / "images"
    except OSError as error:
        raise TrainingError(
            f"the {PETS} cannot be downloaded ({error}); check the network, or "
            "give photographs with --images"
        ) from error


def _read_lists(lists: list[Path], apart: list[str]) -> dict[str, Listed]:
    listed: dict[str, Listed] = {}
    for path in lists:
        if not path.is_file():
            raise TrainingError(f"{path}: no such file; check --splits")
        for row in read_csv(path, "file", "split"):
            if row.get("split") not in SPLITS or not row.get("file"):
                raise TrainingError(f"{path}: a row needs a file and a split ({', '.join(SPLITS)})")
            source = row.get("source") or ""
            set_ = source if source in apart else path.stem
            weight, people = _weight(path, row.get("weight")), row.get("people") == "1"
            listed[row["file"]] = Listed(row["split"], set_, weight, people)
    return listed


def _weight(path: Path, text: str | None) -> float:
    try:
        weight = float(text or 1)
    except ValueError:
        weight = math.nan
    if not 0 < weight <= HEAVIEST:
        raise TrainingError(f"{path}: weight {text!r}; give numbers above 0, up to {HEAVIEST:g}")
    return weight


def _open(file: Path, stored_size: int) -> Image.Image | str:
    """The photograph, upright, RGB, shorter side at most stored_size; or why it is of no use."""
    try:
        with Image.open(file) as image:
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
                return "animated or several pages"
        photograph = read_picture(file)  # as the page reads it, profiles applied
    except UnidentifiedImageError:
        return "no image, or a damaged one"
    except PhotoError as error:
        return error.translate(error.sentence).removeprefix(f"{error.about}: ")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return str(error)
    shorter = min(photograph.size)
    if shorter < 64:
        return f"smaller than 64 pixels ({photograph.width} × {photograph.height})"
    if shorter > stored_size:
        size = [round(side * stored_size / shorter) for side in photograph.size]
        photograph = photograph.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    return "already greyscale" if _is_grey(photograph) else photograph


def _is_grey(photograph: Image.Image) -> bool:
    """Whether hardly any pixel has chroma; a tint of the whole (sepia) counts as grey too."""
    chroma = np.asarray(photograph.convert("YCbCr").resize((64, 64)))[..., 1:]
    return bool(np.ptp(chroma, axis=(0, 1)).max() <= 8)
