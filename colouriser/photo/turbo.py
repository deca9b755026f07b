"""libjpeg-turbo's lossless transform, called so that other threads go on meanwhile.

The package turbojpeg brings the library, but holds Python's lock while it works: an eighth of
a folder's time on two cores. Declarations after turbojpeg.h of libjpeg-turbo 2 and 3.
"""

import ctypes
from functools import cache

GREY, WITHOUT_METADATA = 8, 64  # TJXOPT_GRAY, TJXOPT_COPYNONE


class Transform(ctypes.Structure):
    """tjtransform: no turning, no cutting."""

    _fields_ = (
        ("region", ctypes.c_int * 4),
        ("operation", ctypes.c_int),
        ("options", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("filter", ctypes.c_void_p),
    )


def luma_alone(data: bytes) -> bytes:
    """A grey JPEG with the luma coefficients of another.

    Raises:
        RuntimeError: the file is not in order.
        ImportError, OSError, AttributeError: there is no turbojpeg, or not this one.
    """
    import turbojpeg  # not everywhere: of some systems' Pythons it knows nothing

    try:
        library = _library(turbojpeg.__file__)
    except AttributeError:  # Windows finds a library's own functions only, not its libraries'
        return turbojpeg.transform(data, gray=True, copynone=True)
    out, size = ctypes.c_void_p(), ctypes.c_ulong()
    transform = Transform(options=GREY | WITHOUT_METADATA)
    handle = library.tjInitTransform()
    try:
        failed = library.tjTransform(handle, data, len(data), 1, out, size, transform, 0)
        if failed:
            raise RuntimeError("libjpeg-turbo cannot read it")
        return ctypes.string_at(out, size.value)
    finally:
        library.tjFree(out)
        library.tjDestroy(handle)


@cache
def _library(path: str) -> ctypes.CDLL:
    library = ctypes.CDLL(path)
    library.tjInitTransform.restype = ctypes.c_void_p
    library.tjTransform.argtypes = (
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_ulong,
        ctypes.c_int,
        ctypes.POINTER(ctypes.c_void_p),
        ctypes.POINTER(ctypes.c_ulong),
        ctypes.POINTER(Transform),
        ctypes.c_int,
    )
    library.tjFree.argtypes = library.tjDestroy.argtypes = (ctypes.c_void_p,)
    return library
