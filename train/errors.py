"""What the training raises."""

from colouriser import ColouriserError


class TrainingError(ColouriserError):
    """A step of the training cannot go on."""

    def __init__(self, sentence: str) -> None:
        super().__init__("training", "{text}", text=sentence)
