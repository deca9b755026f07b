"""Photographs -> pairs: a colour folder, a greyscale folder mapped one to one by name, and splits.

RUN/colour/NAME.jpg   the photograph, shorter side at most the recipe's stored size
RUN/grey/NAME.png     its luma, exactly Pillow's convert("L") of the stored photograph
RUN/pairs.csv         name, split (train, valid or test), set (see `prepare`), weight
RUN/skipped.csv       file, reason: what could not be used
"""

import hashlib
import io
import logging
import math
import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from colouriser.files import write_atomically

from ..recipes import Recipe
from ..run import SPLITS, Run, TrainingError, read_csv, write_csv

log = logging.getLogger(__name__)

PETS = "Oxford-IIIT Pet Dataset"
FEWEST = 20  # usable photographs; with fewer, a split would be empty
HEAVIEST = 100.0  # weight of a photograph; beyond this a list is mistaken


@dataclass(frozen=True)
class Listed:
    """What a list says of a photograph."""

    split: str
    set: str
    weight: float


def prepare(
    recipe: Recipe, run: Run, folders: list[Path], lists: list[Path], apart: list[str]
) -> None:
    """Sample photographs, store each in colour and in grey, and fix the splits.

    A photograph's set decides in which table of the evaluation it stands: it is the name of its
    list, or its source if that is to stand apart; "photographs" without a list.

    Args:
        recipe: decides how many photographs, and their size.
        run: the run folder.
        folders: where photographs are looked for, recursively; the Oxford-IIIT Pet Dataset is
            downloaded if there is none.
        lists: CSV files with columns "file" and "split", and if wanted "source" and "weight" (how
            often the photograph is seen in training, 1 unless given). Photographs in none of them
            get a split by a hash of their name, which stays the same when others are added.
        apart: sources that get a set of their own.

    Raises:
        TrainingError: fewer than 20 usable photographs, an empty split, a bad list, or a failed
            download.
    """
    if run.pairs_csv.exists():
        log.info("%s has its photographs already; choose another --run for others", run.folder)
        return
    for folder in folders:
        if not folder.is_dir():
            raise TrainingError(f"{folder} is no folder; check --images")
    listed = _read_lists(lists, apart)
    folders = folders or [_download_pets()]
    files = sorted(f for d in folders for f in d.rglob("*") if f.is_file() and f.name[0] != ".")
    random.Random(recipe.seed).shuffle(files)
    rows: dict[str, Listed] = {}
    skipped: list[tuple[str, str]] = []
    for file in tqdm(files, desc="prepare", unit="photo", disable=None):
        if recipe.sample is not None and len(rows) == recipe.sample:
            break
        try:
            photograph = _usable(file, recipe.stored_size)
        except UnidentifiedImageError:
            skipped.append((_shown(file), "no image, or a damaged one"))
            continue
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            skipped.append((_shown(file), str(error)))
            continue
        stem = Path(_shown(file)).stem
        name, number = stem, 2
        while name in rows:  # the same name in another folder
            name, number = f"{stem}_{number}", number + 1
        _store(photograph, name, run)
        by_hash = Listed(split_by_hash(_shown(file.name)), "photographs", 1.0)
        rows[name] = listed.get(file.name, by_hash)
    for path, reason in sorted(skipped):
        log.warning("skipped %s: %s", path, reason)
    columns = ("file", "reason")
    losses = (dict(zip(columns, row, strict=True)) for row in sorted(skipped))
    write_csv(run.folder / "skipped.csv", columns, losses)
    if len(rows) < FEWEST:
        raise TrainingError(
            f"only {len(rows)} usable photographs in {', '.join(map(str, folders))}; "
            f"give at least {FEWEST} colour photographs with --images"
        )
    splits = [row.split for row in rows.values()]
    counts = ", ".join(f"{splits.count(split)} {split}" for split in SPLITS)
    if set(splits) != set(SPLITS):
        raise TrainingError(f"a split is empty ({counts}); add photographs, or give --splits")
    write_csv(
        run.pairs_csv,
        ("name", "split", "set", "weight"),
        ({"name": name, **vars(row)} for name, row in sorted(rows.items())),
    )
    log.info("%d pairs in %s (%s), %d files skipped", len(rows), run.folder, counts, len(skipped))


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
            listed[row["file"]] = Listed(row["split"], set_, _weight(path, row.get("weight")))
    return listed


def _weight(path: Path, text: str | None) -> float:
    try:
        weight = float(text or 1)
    except ValueError:
        weight = math.nan
    if not 0 < weight <= HEAVIEST:
        raise TrainingError(f"{path}: weight {text!r}; give numbers above 0, up to {HEAVIEST:g}")
    return weight


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


def _store(photograph: Image.Image, name: str, run: Run) -> None:
    jpeg = io.BytesIO()
    photograph.save(jpeg, "JPEG", quality=95, subsampling=0)
    write_atomically(run.colour(name), lambda file: file.write(jpeg.getvalue()))
    grey = Image.open(jpeg).convert("L")
    write_atomically(run.grey(name), lambda file: grey.save(file, "PNG"))
