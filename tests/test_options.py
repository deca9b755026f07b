"""What options may be."""

import inspect
import math
from typing import Any

import numpy as np
import pytest

from colouriser import Options, SettingError
from colouriser.options import DETAIL, OPTIONS, TEMPERATURE, Choice, Number, Switch, Wishes, spread


@pytest.mark.parametrize(
    ("setting", "value"),
    [(DETAIL, 64), (DETAIL, 256.0), (TEMPERATURE, -1), (DETAIL, np.int64(64))],
)
def test_good_numbers(setting: Number, value: float) -> None:
    assert setting.check("a setting", value) == value


@pytest.mark.parametrize("value", [math.nan, "3", None, True, [1], 1j, np.float32("nan")])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(SettingError, match="warmth must be a number, not"):
        TEMPERATURE.check("warmth", value)


@pytest.mark.parametrize("value", [63, 1025, 100.5, math.inf, -math.inf, 10**400])
def test_numbers_out_of_range(value: float) -> None:
    with pytest.raises(SettingError, match="detail must be from 64 to 1024 in whole numbers, not"):
        DETAIL.check("detail", value)


def test_switches_and_choices() -> None:
    mark, form = Switch("a mark"), Choice(("png", "original"), "png", "a format")
    assert mark.check("mark", True) is True
    assert form.check("format", "png") == "png"
    for value in ("false", 0, None):
        with pytest.raises(SettingError, match="mark must be true or false"):
            mark.check("mark", value)
    with pytest.raises(SettingError, match="one of png, original") as error:
        form.check("format", "x" * 10_000)
    assert len(str(error.value)) < 150


def test_options_are_checked_and_equal_whatever_their_type() -> None:
    assert Options(detail=np.int64(224), vividness=np.float64(1)) == Options()
    wrong: dict[str, Any] = {"detail": 1, "vividness": "1", "format": "gif", "mark": 1}
    for name, value in wrong.items():
        with pytest.raises(SettingError, match=f"^{name} must be"):
            Options(**{name: value})
    with pytest.raises(SettingError, match="variant must be from 1 to 16"):
        Wishes(variant=17)


def test_a_function_with_a_parameter_for_each_option() -> None:
    def function(photo: str, options: Options = Options(), last: int = 3) -> tuple:
        """Colour.

        Args:
            photo: one.
            options: see there.
        """
        return photo, options, last

    changed = spread(function, lambda name, setting: type(setting.default))
    assert list(inspect.signature(changed).parameters) == ["photo", *OPTIONS, "last"]
    assert changed("a", 64, 0, last=4) == ("a", Options(detail=64, vividness=0), 4)
    assert changed.__doc__
    assert all(f" {name}: {setting.help}" in changed.__doc__ for name, setting in OPTIONS.items())
    with pytest.raises(SettingError):
        changed("a", mark="yes")
