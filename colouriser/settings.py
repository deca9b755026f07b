"""What settings may be: of the library, and so of the page, the command line and the API."""

from dataclasses import dataclass

from .errors import SettingError


@dataclass(frozen=True)
class Range:
    """The numbers that a setting may be."""

    lowest: float
    highest: float
    usual: float
    whole: bool = False  # only whole numbers

    def check(self, name: str, value: object) -> None:
        """Refuse what is no number of this range.

        Raises:
            SettingError: it is none.
        """
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise SettingError(
                "no_number",
                "{setting} must be a number, not {value}",
                setting=name,
                value=shown(value),
            )
        if not self.lowest <= value <= self.highest or (self.whole and value != int(value)):
            raise SettingError(
                "out_of_range",
                "{setting} must be from {lowest:g} to {highest:g}{whole}, not {value}",
                setting=name,
                lowest=self.lowest,
                highest=self.highest,
                whole=" in whole numbers" if self.whole else "",
                value=shown(value),
            )


DETAIL = Range(64, 1024, 224, whole=True)  # pixels: below, the generator sees too little, above too
# locally; it learns on crops of 192 (docs/results.md)
VIVIDNESS = Range(0.0, 2.0, 1.0)  # factor on chroma; beyond, colours stand out of the photograph
TEMPERATURE = Range(-1.0, 1.0, 0.0)  # from bluish to yellowish
STRENGTH = Range(0.0, 1.0, 1.0)  # of a reference
SUGGESTIONS = Range(1, 20, 5, whole=True)
VARIANTS = Range(1, 16, 4, whole=True)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse what is none of some words.

    Raises:
        SettingError: it is none.
    """
    if value not in choices:
        raise SettingError(
            "no_choice",
            "{setting} must be one of {choices}, not {value}",
            setting=name,
            choices=", ".join(choices),
            value=shown(value),
        )


def check_switch(name: str, value: object) -> None:
    """Refuse what is neither true nor false; "false" is a word, and no switch.

    Raises:
        SettingError: it is neither.
    """
    if not isinstance(value, bool):
        raise SettingError(
            "no_switch",
            "{setting} must be true or false, not {value}",
            setting=name,
            value=shown(value),
        )


def shown(value: object) -> str:
    """A value from outside, as an error shows it."""
    return repr(value)[:50]
