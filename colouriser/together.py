"""Photographs that are coloured together: read one after the other, shown to the network at once,
and written one after the other."""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from PIL import Image

from .errors import ModelError
from .photo import Photo
from .pipeline import Prediction

T = TypeVar("T")
R = TypeVar("R")
TOGETHER = 4  # photographs: the network takes a fifth less time for each; more of them save no more
MOST_PIXELS = 24_000_000  # that wait for the network; with more it is asked without others


def together(
    items: Sequence[T],
    open: Callable[[T], Photo | R],
    predict: Callable[[list[Image.Image]], Sequence[Prediction | ModelError]],
    finish: Callable[[T, Photo, Prediction], R],
    failed: Callable[[T, Exception], R],
) -> list[R]:
    """Colour photographs, which the network sees together. What goes wrong costs itself alone.

    Args:
        items: each stands for a photograph.
        open: reads one; or says what became of it, if there is nothing to do.
        predict: asks the network about lumas, mode "L".
        finish: merges, writes, and says what became of it.
        failed: what to say of an error.

    Returns:
        What became of each.
    """
    became: dict[int, R] = {}
    waiting: dict[int, Photo] = {}

    def alone(luma: Image.Image) -> Prediction | Exception:
        try:
            return predict([luma])[0]
        except Exception as error:
            return error

    def ask() -> None:
        lumas = [photo.luma for photo in waiting.values()]
        predictions: Sequence[Prediction | Exception]
        try:
            predictions = predict(lumas)
        except Exception:  # one of them, or together they are too many
            predictions = [alone(luma) for luma in lumas]
        for (index, photo), prediction in zip(waiting.items(), predictions, strict=True):
            try:
                if isinstance(prediction, Exception):
                    raise prediction
                became[index] = finish(items[index], photo, prediction)
            except Exception as error:
                became[index] = failed(items[index], error)
        waiting.clear()

    for index, item in enumerate(items):
        try:
            opened = open(item)
        except Exception as error:
            became[index] = failed(item, error)
            continue
        if not isinstance(opened, Photo):
            became[index] = opened
            continue
        waiting[index] = opened
        if sum(math.prod(photo.luma.size) for photo in waiting.values()) > MOST_PIXELS:
            ask()
    if waiting:
        ask()
    return [became[index] for index in range(len(items))]
