"""Colour for black-and-white photographs.

from colouriser import Colouriser

Colouriser.load().colourise(image)  # a PIL image in, a PIL image out
"""

import importlib
from typing import TYPE_CHECKING

from .errors import (
    ColouriserError,
    FilmError,
    HintError,
    ModelError,
    PhotoError,
    SettingError,
)
from .options import Options

if TYPE_CHECKING:
    from .generator import Generator, GeneratorConfig
    from .hints import Hint
    from .pipeline import Colouriser

__all__ = [
    "Colouriser",
    "ColouriserError",
    "FilmError",
    "Generator",
    "GeneratorConfig",
    "Hint",
    "HintError",
    "ModelError",
    "Options",
    "PhotoError",
    "SettingError",
]
_NEEDS_TORCH = {
    "Colouriser": "pipeline",
    "Generator": "generator",
    "GeneratorConfig": "generator",
    "Hint": "hints",
}


def __getattr__(name: str) -> object:
    """Import what needs torch when it is first used: reading photographs needs none."""
    if name not in _NEEDS_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_NEEDS_TORCH[name]}", __name__), name)
