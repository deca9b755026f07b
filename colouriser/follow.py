"""A colouriser that keeps up with its source while it serves requests.

    follower = ModelFollower("owner/name@main", example)
    follower.follow()                                # looks for a new commit every few minutes
    follower.colouriser.colourise(image)             # each request takes the one that is there

A new commit is downloaded and tried in the background and takes over between two requests. One that
cannot be used is refused, and the one that served before stays.
"""

import logging
import threading
from contextlib import suppress

from PIL import Image

from . import hub
from .errors import ModelError
from .pipeline import Colouriser

log = logging.getLogger(__name__)

SECONDS = 300.0  # between two looks: one small request to the Hub each


class ModelFollower:
    """The colouriser of the moment. Thread-safe."""

    colouriser: Colouriser
    model: hub.ResolvedModel  # which model it is
    fallback_reason: ModelError | None = (
        None  # why it is not the one that was asked for, if it is not
    )

    def __init__(self, source: str | None, example: Image.Image) -> None:
        """Load a model; the bundled one if a Hub repository cannot be had yet.

        Args:
            source: see `Colouriser.load`.
            example: a photograph that a new model must be able to colour.

        Raises:
            ModelError: the model is no Hub repository, and cannot be used.
        """
        self.source, self.example = source, example
        try:
            self._take(hub.resolve(source))
        except ModelError as error:
            if not hub.on_hub(source):
                raise
            log.warning("%s", error)
            self._take(hub.resolve())
            self.fallback_reason = ModelError(
                "fallback",
                "{source} could not be loaded, so the bundled weights are used: {error}",
                source=source,
                error=error,
            )
        self._last_error = ""

    def refresh(self) -> None:
        """Look for another commit, and change over to it if it can be used."""
        try:
            if self.model.commit and hub.current_commit(str(self.source)) == self.model.commit:
                self._last_error = ""
                return
            model = hub.resolve(self.source)
            if model != self.model:
                self._take(model)
                self.fallback_reason = None
                log.info("changed over to %s", model)
            self._last_error = ""
        except Exception as error:  # whatever it is, the next look may go well
            if str(error) != self._last_error:  # once is enough
                log.warning("%s stays: %s", self.model, error)
            self._last_error = str(error)

    def follow(self, seconds: float = SECONDS) -> None:
        """Refresh in the background, for as long as the source's revision is a branch or has not
        been loaded yet. A tag and a commit stay what they are."""
        if hub.on_hub(self.source):
            threading.Thread(target=self._follow, args=(seconds,), daemon=True).start()

    def _follow(self, seconds: float) -> None:
        pause, branch = threading.Event(), False  # whether it is known to be one
        while True:
            if self.model.name == self.source and not branch:
                with suppress(Exception):  # no network at the moment, or whatever it is
                    branch = hub.moves(self.source)
                    if not branch:
                        return
            pause.wait(seconds)
            self.refresh()

    def _take(self, model: hub.ResolvedModel) -> None:
        colouriser = Colouriser(hub.load(model), name=str(model))
        if not colouriser.predict(self.example.convert("L")).chroma.abs().max() > 1 / 255:
            raise ModelError(
                "left_grey", "{model} leaves the example grey; use another revision", model=model
            )
        self.colouriser, self.model = colouriser, model
