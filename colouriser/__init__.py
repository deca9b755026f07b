"""Colour for black-and-white photographs.

from colouriser import Colouriser

Colouriser.load().colourise(image)  # a PIL image in, a PIL image out
"""

from .errors import ColouriserError, ModelError, PhotoError
from .generator import Generator, GeneratorConfig
from .pipeline import Colouriser

__all__ = [
    "Colouriser",
    "ColouriserError",
    "Generator",
    "GeneratorConfig",
    "ModelError",
    "PhotoError",
]
