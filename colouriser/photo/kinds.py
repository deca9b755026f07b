"""Kinds of files, told by their first bytes: those that are no photograph that can be read, with
what to do about each."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import PhotoError

HEAD = 512  # bytes that tell what a file is


@dataclass(frozen=True)
class FileKind:
    """A kind of file that is not read."""

    refusal: Callable[[], PhotoError]  # what it is, and what to do
    counted: str = ""  # as which debris a summary counts it; "" for pictures, which it names


RAW = FileKind(
    lambda: PhotoError("raw", "a camera's raw file; develop it and save it as TIFF or JPEG"),
)
LAYERS = FileKind(
    lambda: PhotoError("layers", "a document of Photoshop or GIMP; save it as TIFF or PNG"),
)
JXL = FileKind(lambda: PhotoError("jpeg_xl", "a JPEG XL; convert it to PNG or JPEG"))
PAGES = FileKind(
    lambda: PhotoError("pdf", "a PDF or DjVu; export its pictures as TIFF, PNG or JPEG"),
)
SCIENCE = FileKind(
    lambda: PhotoError(
        "measurements", "a file of measurements or of light (EXR, DICOM); save it as 16-bit TIFF"
    ),
)
DRAWING = FileKind(
    lambda: PhotoError("drawing", "a drawing of lines, not pixels; export it as PNG"), "other"
)
RARE_JPEG = FileKind(
    lambda: PhotoError("rare_jpeg", "a JPEG XR or JPEG-LS; convert it to PNG or TIFF"),
)
POINTER = FileKind(
    lambda: PhotoError(
        "pointer", "a place-holder of Git LFS; fetch the file itself with git lfs pull"
    ),
    "other",
)
RARE = FileKind(
    lambda: PhotoError("rare_format", "of a format that is not read; convert it to TIFF")
)
WEB = FileKind(
    lambda: PhotoError("web_page", "a web page; download the photograph itself"), "other"
)
FILM = FileKind(
    lambda: PhotoError("film", "a film or a sound; save one of its frames as PNG"), "film"
)
DEBRIS = FileKind(
    lambda: PhotoError("system_file", "what a system keeps about a file; give the photograph"),
    "system",
)
ARCHIVE = FileKind(
    lambda: PhotoError("packed", "an archive or a document; take the photographs out of it"),
    "packed",
)

FILMS = {  # endings of films
    ".3gp", ".avi", ".dv", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
    ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv",
}  # fmt: skip
STARTS: tuple[tuple[bytes, FileKind], ...] = (
    (b"8BPS", LAYERS),
    (b"\xff\x0a", JXL),
    (b"\0\0\0\x0cJXL ", JXL),
    (b"%PDF", PAGES),
    (b"%!PS", DRAWING),
    (b"\xc5\xd0\xd3\xc6", DRAWING),  # EPS of DOS
    (b"gimp xcf", LAYERS),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIU\0", RAW),  # Panasonic
    (b"IIRO", RAW),  # Olympus
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"FOVb", RAW),  # Sigma
    (b"\0MRM", RAW),  # Minolta
    (b"v/1\x01", SCIENCE),
    (b"#?RADIANCE", SCIENCE),
    (b"#?RGBE", SCIENCE),
    (b"SIMPLE  =", SCIENCE),
    (b"\x89HDF", SCIENCE),
    (b"AT&TFORM", PAGES),
    (b"II\xbc", RARE_JPEG),
    (b"\xff\xd8\xff\xf7", RARE_JPEG),
    (b"\0\5\x16\7", DEBRIS),  # ._photo.jpg of macOS
    (b"version https://git-lfs", POINTER),
    (b"PK\3\4", ARCHIVE),
    (b"Rar!", ARCHIVE),
    (b"7z\xbc\xaf", ARCHIVE),
    (b"\x1f\x8b", ARCHIVE),
    (b"\xd0\xcf\x11\xe0", ARCHIVE),
    (b"\x1aE\xdf\xa3", FILM),
    (b"\0\0\1\xba", FILM),
    (b"ID3", FILM),
    (b"fLaC", FILM),
    (b"OggS", FILM),
)
BOXES = {b"crx ": RAW, b"M4A ": FILM}  # brands of ISO's container; others may be HEIF or AVIF
STILLS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
JPEG_2000 = b"jp2 ", b"jpx ", b"jpm "
# By endings, where first bytes cannot be had, or are those of TIFF, as of most raw files.
ENDINGS = {
    ending: kind
    for kind, endings in {
        RAW: "3fr ari arw cr2 cr3 crw dcr dng erf fff gpr iiq kdc mef mos mrw nef nrw orf pef raf "
        "raw rw2 rwl sr2 srf srw x3f",
        LAYERS: "psd psb xcf kra ora afphoto",
        JXL: "jxl",
        PAGES: "pdf djvu djv",
        SCIENCE: "exr hdr dcm fits",
        RARE_JPEG: "jxr wdp hdp jls",
        RARE: "tga pcx pcd fpx pct pict sgi dpx cin ras qoi bpg flif",
    }.items()
    for ending in (f".{each}" for each in endings.split())
}
PHOTOGRAPH = re.compile(  # the first bytes of what can be read
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|II[*+]\0|MM\0[*+]|GIF8[79]a|RIFF....WEBP|"
    rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0|\0\0\0\x0cjP  |\xff\x4f\xff\x51|"
    rb"....ftyp|P[1-6]\s(?:\s|#[^\n]*\n)*\d+\s+\d+\s",
    re.DOTALL,
)


def file_kind(suffix: str, head: bytes | None) -> FileKind | bool:
    """What a file is: a photograph that can be read (True), of a kind that is none, or neither.

    Args:
        suffix: of its name, in lower case.
        head: its first HEAD bytes; None where they cannot be had.
    """
    by_name = ENDINGS.get(suffix, False)
    if head is None:
        return by_name
    if kind := other_kind(head):
        return kind
    found = PHOTOGRAPH.match(head)
    return by_name if by_name is RAW or not found else True


def other_kind(head: bytes) -> FileKind | None:
    """What a file is if it is known not to be a photograph that can be read.

    Args:
        head: its first HEAD bytes.
    """
    for start, kind in STARTS:
        if head.startswith(start):
            return kind
    if head[:4] in (b"II*\0", b"MM\0*") and head[8:10] == b"CR":
        return RAW  # Canon
    if head[128:132] == b"DICM":
        return SCIENCE
    if head[257:262] == b"ustar":
        return ARCHIVE
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in BOXES:
            return BOXES[brand]
        size = min(int.from_bytes(head[:4], "big"), HEAD)
        brands = {head[place : place + 4] for place in range(8, size, 4)}
        return None if brands & {*STILLS, *JPEG_2000} else FILM
    if head[4:8] in (b"moov", b"mdat", b"wide") or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return FILM
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return FILM
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return WEB
    if text.startswith(b"<svg") or (text.startswith(b"<?xml") and b"<svg" in text):
        return DRAWING
    return None
