"""The errors that colouriser raises. Each says what was wrong and what to do, in one line."""


class ColouriserError(Exception):
    """Base of every error that colouriser raises on purpose."""


class PhotoError(ColouriserError):
    """A photograph cannot be read, is too large, or cannot be written."""


class ModelError(ColouriserError):
    """Weights or their config are missing, damaged, or do not fit together."""


def reason(error: Exception) -> str:
    """One line about an error of another library, of a file without its path."""
    text = str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
    return text.splitlines()[0]
