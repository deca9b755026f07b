"""Photographs in files: reading them as luma, writing coloured ones, and what is kept of both."""

from .read import MAX_PIXELS, MAX_SIDE, Photo, read, read_picture, suffixes, to_luma
from .write import mark, result_name, writable, write

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "Photo",
    "mark",
    "read",
    "read_picture",
    "result_name",
    "suffixes",
    "to_luma",
    "writable",
    "write",
]
