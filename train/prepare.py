"""Photographs -> pairs: a colour folder, a greyscale folder mapped one to one by name, and splits.

RUN/colour/NAME.jpg   the photograph, shorter side at most the recipe's stored size
RUN/grey/NAME.png     its luma, exactly Pillow's convert("L") of the stored photograph
RUN/pairs.csv         name, split: train, valid or test
RUN/skipped.csv       file, reason: what could not be used
"""

import csv
import hashlib
import io
import logging
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from colouriser import ColouriserError
from colouriser.files import write_atomically

from .recipes import Recipe

log = logging.getLogger(__name__)

SPLITS = ("train", "valid", "test")
PETS = "Oxford-IIIT Pet Dataset"
FEWEST = 20  # usable photographs; with fewer, a split would be empty
T = TypeVar("T")


def prepare(recipe: Recipe, run: Path, folders: list[Path], lists: list[Path]) -> None:
    """Sample photographs, store each in colour and in grey, and fix the splits.

    Args:
        recipe: decides how many photographs, and their size.
        run: the run folder.
        folders: where photographs are looked for, recursively; the Oxford-IIIT Pet Dataset is
            downloaded if there is none.
        lists: CSV files with columns "file" and "split". Photographs in none of them get a split by
            a hash of their name, which stays the same when others are added.

    Raises:
        ColouriserError: fewer than 20 usable photographs, an empty split, a bad list, or a failed
            download.
    """
    if (run / "pairs.csv").exists():
        log.info("%s has its photographs already; choose another --run for others", run)
        return
    for folder in folders:
        if not folder.is_dir():
            raise ColouriserError(f"{folder} is no folder; check --images")
    splits = _read_lists(lists)
    folders = folders or [_download_pets()]
    files = sorted(f for d in folders for f in d.rglob("*") if f.is_file() and f.name[0] != ".")
    random.Random(recipe.seed).shuffle(files)
    rows: dict[str, str] = {}
    skipped: list[tuple[str, str]] = []
    for file in tqdm(files, desc="prepare", unit="photo", disable=None):
        if recipe.sample is not None and len(rows) == recipe.sample:
            break
        try:
            photograph = _usable(file, recipe.stored_size)
        except UnidentifiedImageError:
            skipped.append((str(file), "no image, or a damaged one"))
            continue
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            skipped.append((str(file), str(error)))
            continue
        name, number = file.stem, 2
        while name in rows:  # the same name in another folder
            name, number = f"{file.stem}_{number}", number + 1
        _store(photograph, name, run)
        rows[name] = splits.get(file.name) or split_by_hash(file.name)
    for path, reason in sorted(skipped):
        log.warning("skipped %s: %s", path, reason)
    _write_csv(run / "skipped.csv", [("file", "reason"), *sorted(skipped)])
    if len(rows) < FEWEST:
        raise ColouriserError(
            f"only {len(rows)} usable photographs in {', '.join(map(str, folders))}; "
            f"give at least {FEWEST} colour photographs with --images"
        )
    counts = ", ".join(f"{list(rows.values()).count(split)} {split}" for split in SPLITS)
    if set(rows.values()) != set(SPLITS):
        raise ColouriserError(f"a split is empty ({counts}); add photographs, or give --splits")
    _write_csv(run / "pairs.csv", [("name", "split"), *sorted(rows.items())])
    log.info("%d pairs in %s (%s), %d files skipped", len(rows), run, counts, len(skipped))


def split_by_hash(name: str) -> str:
    """A split for a file name: 80 % train, 10 % valid, 10 % test."""
    share = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
    return "train" if share < 0.8 else "valid" if share < 0.9 else "test"


def pairs(run: Path, split: str, most: int | None = None) -> list[str]:
    """Names of a run's photographs in a split, sorted; or `most` of them, evenly spaced.

    Raises:
        ColouriserError: the run has not been prepared, or the split is empty.
    """
    path = run / "pairs.csv"
    if not path.exists():
        raise ColouriserError(f"{run} has no pairs.csv; run the prepare step first")
    with open(path, newline="") as file:
        names = sorted(row["name"] for row in csv.DictReader(file) if row["split"] == split)
    if not names:
        raise ColouriserError(f"{run} has no photographs in the split {split!r}; add some")
    return names if most is None else spaced(names, most)


def spaced(items: Sequence[T], most: int) -> list[T]:
    """At most so many items, evenly spaced."""
    count = min(most, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def _download_pets() -> Path:
    from fastai.data.external import URLs, untar_data  # a slow import that others can do without

    try:
        return untar_data(URLs.PETS) / "images"
    except OSError as error:
        raise ColouriserError(
            f"the {PETS} cannot be downloaded ({error}); check the network, or "
            "give photographs with --images"
        ) from error


def _read_lists(lists: list[Path]) -> dict[str, str]:
    splits: dict[str, str] = {}
    for path in lists:
        try:
            with open(path, newline="") as file:
                rows = list(csv.DictReader(file))
        except OSError as error:
            raise ColouriserError(f"{path}: {error.strerror}; check --splits") from error
        for row in rows:
            if row.get("split") not in SPLITS or "file" not in row:
                raise ColouriserError(
                    f"{path}: needs the columns file and split ({', '.join(SPLITS)})"
                )
            splits[row["file"]] = row["split"]
    return splits


def _usable(file: Path, stored_size: int) -> Image.Image:
    """The photograph, upright, RGB, shorter side at most stored_size; ValueError says why not."""
    with Image.open(file) as image:
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
            raise ValueError("animated or several pages")
        photograph = ImageOps.exif_transpose(image).convert("RGB")
    shorter = min(photograph.size)
    if shorter < 64:
        raise ValueError(f"smaller than 64 pixels ({photograph.width} × {photograph.height})")
    if shorter > stored_size:
        size = [round(side * stored_size / shorter) for side in photograph.size]
        photograph = photograph.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    if _is_grey(photograph):
        raise ValueError("already greyscale")
    return photograph


def _is_grey(photograph: Image.Image) -> bool:
    """Whether hardly any pixel has chroma; a tint of the whole (sepia) counts as grey too."""
    chroma = np.asarray(photograph.convert("YCbCr").resize((64, 64)))[..., 1:]
    return bool(np.ptp(chroma, axis=(0, 1)).max() <= 8)


def _store(photograph: Image.Image, name: str, run: Path) -> None:
    jpeg = io.BytesIO()
    photograph.save(jpeg, "JPEG", quality=95, subsampling=0)
    write_atomically(run / "colour" / f"{name}.jpg", lambda file: file.write(jpeg.getvalue()))
    grey = Image.open(jpeg).convert("L")
    write_atomically(run / "grey" / f"{name}.png", lambda file: grey.save(file, "PNG"))


def _write_csv(path: Path, rows: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomically(path, lambda file: file.write(text.getvalue().encode()))
