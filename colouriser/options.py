"""Options: every setting once, with its range, its default and a sentence of help.

The command line's flags, the page's controls, the API's arguments and the archive's are made from
the fields of `Options` (for any number of photographs) and `Wishes` (for one).
"""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import SettingError

if TYPE_CHECKING:
    from .hints import Hint


@dataclass(frozen=True)
class Number:
    """A setting that is a number in a range."""

    lowest: float
    highest: float
    default: float
    help: str
    whole: bool = False  # only whole numbers

    def check(self, name: str, value: Any) -> float:
        """The number; numpy's are taken, too.

        Raises:
            SettingError: not a number, or out of range.
        """
        real = isinstance(value, Real) and not isinstance(value, bool)
        if not real or value != value:
            raise SettingError(
                "no_number",
                "{setting} must be a number, not {value}",
                setting=name,
                value=quoted(value),
            )
        if not self.lowest <= value <= self.highest or (self.whole and value != int(value)):
            raise SettingError(
                "out_of_range",
                "{setting} must be from {lowest:g} to {highest:g}{whole}, not {value}",
                setting=name,
                lowest=self.lowest,
                highest=self.highest,
                whole=" in whole numbers" if self.whole else "",
                value=quoted(value),
            )
        return int(value) if self.whole else float(value)

    @property
    def text(self) -> str:
        """Help with the range."""
        return f"{self.help}, from {self.lowest:g} to {self.highest:g}"


@dataclass(frozen=True)
class Choice:
    """A setting that is one of some words."""

    choices: tuple[str, ...]
    default: str
    help: str

    def check(self, name: str, value: object) -> str:
        """The word.

        Raises:
            SettingError: none of them.
        """
        if not isinstance(value, str) or value not in self.choices:
            raise SettingError(
                "no_choice",
                "{setting} must be one of {choices}, not {value}",
                setting=name,
                choices=", ".join(self.choices),
                value=quoted(value),
            )
        return value

    @property
    def text(self) -> str:
        """Help with the choices."""
        return f"{self.help}, {' or '.join(self.choices)}"


@dataclass(frozen=True)
class Switch:
    """A setting that is on or off; off unless given."""

    help: str
    default: bool = False

    def check(self, name: str, value: object) -> bool:
        """The switch; "false" is a word, and no switch.

        Raises:
            SettingError: neither true nor false.
        """
        if not isinstance(value, bool):
            raise SettingError(
                "no_switch",
                "{setting} must be true or false, not {value}",
                setting=name,
                value=quoted(value),
            )
        return value

    @property
    def text(self) -> str:
        """Help."""
        return self.help


Setting = Number | Choice | Switch

# Pixels. Below, the generator sees too little, above too locally: it learns on crops of 192.
DETAIL = Number(
    64, 1024, 224, "size of the copy that the network sees (224 suits most)", whole=True
)
VIVIDNESS = Number(0.0, 2.0, 1.0, "strength of the colours (1 is what the network says)")
TEMPERATURE = Number(-1.0, 1.0, 0.0, "cooler or warmer colours")
FORMAT = Choice(("original", "png"), "original", "format of the result")
KEEP_POSITION = Switch("keep where the photograph was taken (GPS)")
MARK = Switch("write into a corner that the colour was added")
RECOLOUR = Switch("colour anew what is in colour already, which is copied as it is otherwise")
KEEP_TINTS = Switch("take tints that were painted on by hand as hints")
INVERT = Switch("turn a negative into a positive first")
STRENGTH = Number(0.0, 1.0, 1.0, "how much of the reference's colours is taken")
SUGGESTIONS = Number(1, 20, 5, "how many colours", whole=True)
VARIANTS = Number(1, 16, 4, "how many other colourings", whole=True)


def _field(setting: Setting) -> Any:
    return field(default=setting.default, metadata={"setting": setting})


@dataclass(frozen=True)
class Options:
    """How results are to be.

    Raises:
        SettingError: a value is of the wrong kind or out of range.
    """

    detail: int = _field(DETAIL)
    vividness: float = _field(VIVIDNESS)
    temperature: float = _field(TEMPERATURE)
    format: str = _field(FORMAT)
    keep_position: bool = _field(KEEP_POSITION)
    mark: bool = _field(MARK)
    recolour: bool = _field(RECOLOUR)
    keep_tints: bool = _field(KEEP_TINTS)
    invert: bool = _field(INVERT)

    def __post_init__(self) -> None:
        for name, setting in OPTIONS.items():
            object.__setattr__(self, name, setting.check(name, getattr(self, name)))


OPTIONS: Mapping[str, Setting] = {f.name: f.metadata["setting"] for f in fields(Options)}

SHOWN = tuple(name for name in OPTIONS if name != "detail")  # to people, who judge by the result


@dataclass(frozen=True)
class Wishes:
    """What a person asks for of one photograph.

    Raises:
        SettingError: a value is of the wrong kind or out of range.
    """

    hints: "tuple[Hint, ...]" = ()  # colours at places, in pixels of the upright photograph
    variant: int = 0  # the network's own colouring, or which other one
    reference: Path | None = None  # another photograph, whose colours are taken where it is alike
    strength: float = _field(STRENGTH)  # of the reference

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", STRENGTH.check("strength", self.strength))
        if self.variant != 0:
            object.__setattr__(self, "variant", VARIANTS.check("variant", self.variant))


def spread(function: Callable, annotation: Callable[[str, Setting], Any]) -> Callable:
    """The function with a parameter for each option in place of its parameter `options`.

    Args:
        function: may be called with the keyword `options`; its docstring's line about it becomes a
            line about each.
        annotation: of an option's parameter, from its name and setting.
    """
    signature = inspect.signature(function)
    parameters = list[inspect.Parameter]()
    for parameter in signature.parameters.values():
        if parameter.name != "options":
            parameters.append(parameter)
            continue
        for name, setting in OPTIONS.items():
            own = {"default": setting.default, "annotation": annotation(name, setting)}
            parameters.append(inspect.Parameter(name, parameter.kind, **own))
    changed = signature.replace(parameters=parameters)

    @functools.wraps(function)
    def with_options(*args: Any, **kwargs: Any) -> Any:
        bound = changed.bind(*args, **kwargs)
        bound.apply_defaults()
        values = {name: bound.arguments.pop(name) for name in OPTIONS}
        return function(**bound.arguments, options=Options(**values))

    lines = [f"{name}: {setting.text}." for name, setting in OPTIONS.items()]
    described = re.sub(
        r"^( *)options: .*$",
        lambda line: "\n".join(line[1] + own for own in lines),
        function.__doc__ or "",
        flags=re.MULTILINE,
    )
    del with_options.__wrapped__  # whose parameters are others
    with_options.__doc__ = described
    with_options.__signature__ = changed  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_options


def quoted(value: object) -> str:
    """A value from outside, as an error shows it."""
    return repr(value)[:50]
