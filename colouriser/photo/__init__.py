"""Photographs in files: reading them as luma, writing coloured ones, and what is kept of both."""

from .limits import MAX_PIXELS
from .own import Kind, kind_of, tints
from .read import ONLY_FIRST, Photo, inverted, read, read_picture, suffixes, to_luma
from .view import View, fit, show, view
from .write import (
    encode,
    format_of,
    mark,
    not_written,
    result_name,
    stored_orientation,
    working_luma,
)

__all__ = [
    "MAX_PIXELS",
    "ONLY_FIRST",
    "Kind",
    "Photo",
    "View",
    "encode",
    "fit",
    "format_of",
    "inverted",
    "kind_of",
    "mark",
    "not_written",
    "read",
    "read_picture",
    "result_name",
    "show",
    "stored_orientation",
    "suffixes",
    "tints",
    "to_luma",
    "view",
    "working_luma",
]
