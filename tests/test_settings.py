"""What settings may be."""

import math

import pytest

from colouriser import SettingError
from colouriser.settings import DETAIL, TEMPERATURE, Range, check_choice, check_switch


@pytest.mark.parametrize(("range", "value"), [(DETAIL, 64), (DETAIL, 256.0), (TEMPERATURE, -1)])
def test_good_numbers(range: Range, value: float) -> None:
    range.check("a setting", value)


@pytest.mark.parametrize("value", [math.nan, "3", None, True, [1], 1j])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(SettingError, match="warmth must be a number, not"):
        TEMPERATURE.check("warmth", value)


@pytest.mark.parametrize("value", [63, 1025, 100.5, math.inf, -math.inf, 10**400])
def test_numbers_out_of_range(value: float) -> None:
    with pytest.raises(SettingError, match="detail must be from 64 to 1024 in whole numbers, not"):
        DETAIL.check("detail", value)


def test_switches_and_choices() -> None:
    check_switch("mark", True)
    check_choice("format", "png", ("png", "original"))
    for value in ("false", 0, None):
        with pytest.raises(SettingError, match="mark must be true or false"):
            check_switch("mark", value)
    with pytest.raises(SettingError, match="one of png, original") as error:
        check_choice("format", "x" * 10_000, ("png", "original"))
    assert len(str(error.value)) < 150
