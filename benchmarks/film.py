"""How near films come to their true colours, and how still these hold.

    python -m benchmarks.film CLIPS

CLIPS is a folder of short films in colour (DAVIS 2016, say), of one scene each; their luma is
coloured, and compared with what they were. Beside the truth and grey stand single frames: each
coloured by itself, as a photograph; and below the film as a whole, without and with its first
frame in true colours.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from colouriser import Colouriser
from colouriser.film.planes import luma_plane, small_luma, true_chroma
from colouriser.film.read import Film
from colouriser.film.run import Look, colour_frame
from colouriser.film.scene import SceneColouriser, seen_size

DISTANCES = (1, 2, 4)  # frames between those whose histograms are compared
CB = np.array([-0.168736, -0.331264, 0.5])  # of R, G and B, Rec. 601
CR = np.array([0.5, -0.418688, -0.081312])

Frames = list[np.ndarray]  # uint8 H×W×3, RGB


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.film", description=__doc__)
    parser.add_argument("clips", type=Path)
    options = parser.parse_args()
    clips = sorted(options.clips.glob("*.mp4"))
    colouriser = Colouriser.load()

    def single(clip: Path) -> Frames:
        return [np.asarray(colouriser.colourise(luma)) for luma in lumas(clip)]

    ways: dict[str, Callable[[Path], Frames]] = {
        "truth": frames,
        "grey": lambda clip: [np.asarray(luma.convert("RGB")) for luma in lumas(clip)],
        "single frames": single,
    }
    ways |= {
        "film": lambda clip: film(clip, colouriser),
        "first frame true": lambda clip: film(clip, colouriser, first_true=True),
    }
    print("| | CDC | jitter | PSNR | colourfulness |")
    print("|---|---|---|---|---|")
    for name, way in ways.items():
        rows = []
        for clip in clips:
            truth, coloured = frames(clip), way(clip)
            judged = slice(1, None) if name == "first frame true" else slice(None)
            near = psnr(coloured[judged], truth[judged]) if name != "truth" else float("inf")
            rows.append((cdc(coloured), jitter(coloured), near, colourfulness(coloured)))
        still, jumps, near, colour = map(statistics.mean, zip(*rows, strict=True))
        print(f"| {name} | {still:.2e} | {jumps:.2f} | {near:.2f} | {colour:.1f} |", flush=True)


def film(clip: Path, colouriser: Colouriser, first_true: bool = False) -> Frames:
    """A clip of one scene, coloured as a film; its first frame may be given in its true colours."""
    source, look = Film.open(clip), Look()
    decoded, size = list(source.frames()), seen_size(source.layout)
    planes = [luma_plane(frame.picture, source.layout) for frame in decoded]
    smalls = [small_luma(plane, size, source.layout) for plane in planes]
    scene_colouriser = SceneColouriser(colouriser, source.layout, look.detail)
    given = {}
    if first_true:
        true = true_chroma(decoded[0].picture, source.layout)
        given[0] = cv2.resize(true, scene_colouriser.size, interpolation=cv2.INTER_AREA)
    chroma = scene_colouriser.colour(smalls, given)
    return [
        colour_frame(frame, source, own, small, look).to_ndarray(format="rgb24")
        for frame, own, small in zip(decoded, chroma, smalls, strict=True)
    ]


def frames(film: Path) -> Frames:
    """All frames of a film."""
    with av.open(str(film)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def lumas(film: Path) -> Iterator[Image.Image]:
    """All frames of a film, in mode "L"."""
    with av.open(str(film)) as container:
        for frame in container.decode(video=0):
            yield Image.fromarray(frame.to_ndarray(format="gray"))


def cdc(film: Sequence[np.ndarray]) -> float:
    """Colour distribution consistency (Liu et al. 2021): the Jensen-Shannon divergence of the
    histograms of R, G and B between frames that are near in time; 0 is still."""
    histograms = np.array(
        [
            [np.bincount(frame[..., channel].ravel(), minlength=256) for channel in range(3)]
            for frame in film
        ]
    )
    shares = histograms / histograms.sum(2, keepdims=True)
    apart = [divergence(shares[d:], shares[:-d]).mean() for d in DISTANCES if d < len(film)]
    return float(np.mean(apart))


def divergence(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence of distributions along the last axis, in nats."""
    middle = (one + two) / 2

    def kullback_leibler(p: np.ndarray) -> np.ndarray:
        ratio = np.divide(p, middle, out=np.ones_like(p), where=p > 0)
        return (p * np.log(ratio)).sum(-1)

    return (kullback_leibler(one) + kullback_leibler(two)) / 2


def jitter(film: Sequence[np.ndarray]) -> float:
    """How much the mean colour jumps: the root mean square of the second difference of the frames'
    mean Cb and Cr, in steps of 1/255."""
    means = np.array([frame.mean((0, 1)) @ np.stack([CB, CR], 1) for frame in film])
    return float(np.sqrt((np.diff(means, n=2, axis=0) ** 2).sum(1).mean()))


def psnr(film: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> float:
    """Mean peak signal to noise ratio of a film's frames, in dB."""
    errors = [
        ((frame.astype(np.float32) - true) ** 2).mean()
        for frame, true in zip(film, truth, strict=True)
    ]
    return float(np.mean(10 * np.log10(255**2 / np.maximum(errors, 1e-9))))


def colourfulness(film: Sequence[np.ndarray]) -> float:
    """Mean colourfulness of frames (Hasler & Süsstrunk 2003)."""

    def of(frame: np.ndarray) -> float:
        red, green, blue = frame.astype(np.float32).transpose(2, 0, 1)
        one, two = red - green, (red + green) / 2 - blue
        spread = np.hypot(one.std(), two.std())
        return float(spread + 0.3 * np.hypot(one.mean(), two.mean()))

    return statistics.mean(map(of, film))


if __name__ == "__main__":
    main()
