"""The photographs that a page opens with."""

from pathlib import Path

EXAMPLES = next(
    folder
    for folder in (Path(__file__).parent / "examples", Path(__file__).parents[1] / "examples")
    if folder.is_dir()  # installed, or in a clone
)
# The first is what a page opens on: people and places before all else, and none with a stain.
SHOWN = ("hopper", "temple", "astronaut", "cameraman", "rocket", "flower", "cat")
PICTURES = [path for name in SHOWN if (path := EXAMPLES / f"{name}.jpg").exists()]
