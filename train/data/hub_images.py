"""Photographs of a data set on the Hugging Face Hub, as a folder of files.

A data set holds them as files in folders, or as Parquet files with a column of images (a struct of
"bytes" and "path", as the datasets library stores them).
"""

import re
from pathlib import Path

import pyarrow.parquet
from huggingface_hub import snapshot_download

from colouriser.files import write_bytes

from ..errors import TrainingError
from ..release.publish import hub_errors

SOURCE = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)(?:@([\w./+-]{1,250}))?")
PHOTOGRAPHS = ("jpg", "jpeg", "png", "webp", "avif", "heic", "tif", "tiff", "parquet")
ROWS = 64  # of a Parquet file in memory at a time


def dataset_folder(source: str, folder: Path) -> Path:
    """Fetch a data set; what is in the cache already is not fetched again.

    Args:
        source: "hf://datasets/OWNER/NAME", with an optional "@revision".
        folder: where the images of Parquet files are written to.

    Returns:
        A folder that holds its photographs, at any depth.

    Raises:
        TrainingError: the name is none, the Hub refuses, or a Parquet file holds no images.
    """
    match = SOURCE.fullmatch(source)
    if not match:
        raise TrainingError(
            f"{source!r} is no data set; give hf://datasets/OWNER/NAME or …/NAME@REVISION"
        )
    patterns = [f"**.{case(end)}" for end in PHOTOGRAPHS for case in (str.lower, str.upper)]
    with hub_errors(match[1]):
        found = Path(
            snapshot_download(
                match[1], repo_type="dataset", revision=match[2], allow_patterns=patterns
            )
        )
    tables = sorted(found.rglob("*.parquet"))
    if not tables:
        return found
    for table in tables:
        _unpack(table, folder / table.stem)
    return folder


def _unpack(table: Path, folder: Path) -> None:
    """Write the images of a Parquet file into a folder, named by their paths or else their rows."""
    try:
        file = pyarrow.parquet.ParquetFile(table)
        columns = [
            field.name
            for field in file.schema_arrow
            if pyarrow.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0
        ]
        if not columns:
            raise TrainingError(f"{table.name} has no column of images; give another data set")
        row = 0
        for batch in file.iter_batches(ROWS, columns=columns[:1]):
            for value in batch.column(0).to_pylist():
                if value and (data := value["bytes"]):
                    name = Path(value.get("path") or "image").name
                    write_bytes(folder / f"{row:06}-{name}", data)
                row += 1
    except (OSError, ValueError) as error:
        raise TrainingError(f"{table.name} cannot be read ({error}); fetch it again") from error
