"""Sidecars: files beside a photograph with what somebody wrote about it. XMP, as photo managers
write it, and the JSON of Google Takeout."""

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from .photo import xmp

ENDINGS = (".xmp", ".json")
MAX_BYTES = 4_000_000  # of one; programs write a hundredth of it
SUPPLEMENT = re.compile(r"\.(?:s[uplemntad-]*)?$")  # photo.jpg.supplemental-metadata.json, cut
EDITED = re.compile(  # photo-edited.jpg has none of its own; so in English, German, Catalan, …
    r"-(?:edited|bearbeitet|editat|modifié|ha editado|modificato|bewerkt|edytowane|編集済み)"
    r"(\(\d+\))?$"
)
NUMBERED = re.compile(r"(.+)(\(\d+\))", re.DOTALL)  # photo.jpg(1).json is of photo(1).jpg
CUT = 46  # characters of a name that Takeout leaves of a photograph's, before .json
COORDINATES = {"geodata", "geodataexif", "latitude", "longitude", "altitude"}


def owners(photographs: Iterable[str], sidecars: Iterable[str]) -> dict[str, list[str]]:
    """Which sidecars, of these names with folders, each photograph has.

    `photo.jpg` has photo.xmp, photo.jpg.xmp, photo.jpg.json and Takeout's other spellings.
    """
    found, notes = defaultdict[str, list[str]](list), _folders(sidecars)
    beside = _folders(photographs) if notes else {}  # a million names take their time
    for folder, own in notes.items():
        names = defaultdict[str, list[str]](list)
        for name in beside.get(folder, []):
            path = PurePosixPath(_folded(name))
            original = EDITED.sub(r"\1", path.stem) + path.suffix
            for key in {path.name, original, f"{path.stem}.xmp", f"{path.name[:CUT]}.json"}:
                names[key].append(name)
        for sidecar in own:
            path = PurePosixPath(_folded(sidecar))
            keys = (path.stem, path.name, *_of_takeout(path))
            for name in next((names[key] for key in keys if key in names), []):
                found[name].append(sidecar)
    return found


def _folders(names: Iterable[str]) -> dict[str, list[str]]:
    """Names by their folders."""
    found = defaultdict[str, list[str]](list)
    for name in names:
        found[_folded(name.rpartition("/")[0])].append(name)
    return found


def _folded(name: str) -> str:
    """A name as it is, whatever its case, and however a system writes é."""
    return unicodedata.normalize("NFC", name).casefold()


def _of_takeout(path: PurePosixPath) -> list[str]:
    """Names that a photograph of Takeout's JSON may have."""
    if path.suffix != ".json":
        return []
    numbered = NUMBERED.fullmatch(path.stem)
    whole, number = (numbered[1], numbered[2]) if numbered else (path.stem, "")
    whole = SUPPLEMENT.sub("", whole)
    name = PurePosixPath(whole)
    return [f"{name.stem}{number}{name.suffix}"]


def copy_name(photograph: str, sidecar: str, result: str) -> str:
    """The name of a sidecar's copy, beside a result of this name."""
    if sidecar.casefold().startswith(f"{photograph}.".casefold()):
        return result + sidecar[len(photograph) :]
    ending = PurePosixPath(sidecar).suffix
    return PurePosixPath(result).stem + ending if ending.lower() == ".xmp" else result + ending


def edited(name: str, data: bytes, position: bool, orientation: int) -> bytes:
    """A sidecar as it is, but for coordinates and what is no longer true.

    Args:
        name: of the sidecar.
        data: its bytes.
        position: keep coordinates.
        orientation: of the result's pixels.

    Raises:
        ValueError: it is damaged, or nothing of the kind.
    """
    if len(data) > MAX_BYTES:
        raise ValueError("it is too long")
    if name.lower().endswith(".xmp"):
        return xmp.cleaned(data, position, orientation)
    try:
        found = json.loads(data)
        if not isinstance(found, dict):
            raise ValueError("it says nothing of a photograph")
        kept = found if position else _without_coordinates(found)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return data if kept == found else json.dumps(kept, ensure_ascii=False, indent=2).encode()


def _without_coordinates(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: value[key] for key in value if key.lower() not in COORDINATES}
        return {key: _without_coordinates(inner) for key, inner in kept.items()}
    return [_without_coordinates(inner) for inner in value] if isinstance(value, list) else value
