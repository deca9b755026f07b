"""The errors that colouriser raises. Each says what was wrong and what to do, in one line."""

from typing import Any


class ColouriserError(Exception):
    """Base of every error that colouriser raises on purpose.

    Args:
        code: names the sentence; other languages have theirs under it (page/texts).
        sentence: what was wrong and what to do, in English, with {names} of values.
        values: what stands in the sentence.
    """

    def __init__(self, code: str, sentence: str, **values: Any) -> None:
        super().__init__(code, sentence)
        self.code, self.sentence, self.values = code, sentence, values
        self.about = ""  # the file that it is about

    def of(self, name: str) -> "ColouriserError":
        """This error, about a file of this name."""
        self.about = name
        return self

    def __str__(self) -> str:
        return self.translate(self.sentence)

    def translate(self, sentence: str, **values: str) -> str:
        """The error in another language's sentence, with values in its words."""
        text = sentence.format(**self.values | values)
        return f"{self.about}: {text}" if self.about else text


class PhotoError(ColouriserError):
    """A photograph cannot be read, is too large, or cannot be written."""


class ModelError(ColouriserError):
    """Weights or their config are missing, damaged, or do not fit together."""


class SettingError(ColouriserError):
    """A setting is of the wrong kind or out of its range."""


class ArchiveError(ColouriserError):
    """Where an archive lies cannot be read or written, or what is to work on it cannot start."""


class FilmError(ColouriserError):
    """A film cannot be read, is too large, or cannot be written."""


class HintError(ColouriserError):
    """A hint, or the place of one, is none."""


def reason(error: Exception) -> str:
    """One line about an error of another library, of a file without its path."""
    text = str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
    return " ".join(text.split())[:200]
