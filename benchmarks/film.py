"""How near films come to their true colours, how still these hold, and which cuts are found.

    python -m benchmarks.film CLIPS [--odd] [--ways film,grey] [--sheet sheet.jpg]
    python -m benchmarks.film CLIPS --cuts [--odd] [--seed 1]
    python -m benchmarks.film CLIPS --speed

CLIPS is a folder of short films in colour (DAVIS 2016, say), of one scene each; their luma is
coloured, and compared with what they were. Beside the truth and grey stand single frames: each
coloured by itself, as a photograph; and below the film as a whole, without and with its first
frame in true colours. Parameters were chosen on every second clip (--odd).
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image

from colouriser import Colouriser, hub
from colouriser.film.cuts import SIZE, find_cuts
from colouriser.film.planes import luma_plane, small_luma, true_chroma
from colouriser.film.read import Film
from colouriser.film.run import (
    Look,
    colour_film,
    colour_frame,
    colour_parts,
    look_through,
    render,
    split,
)
from colouriser.film.scene import SceneColouriser, seen_size
from colouriser.film.write import Encoding, encode
from colouriser.pipeline import Prediction

DISTANCES = (1, 2, 4)  # frames between those whose histograms are compared
CB = np.array([-0.168736, -0.331264, 0.5])  # of R, G and B, Rec. 601
CR = np.array([0.5, -0.418688, -0.081312])
NEAR = 2  # frames by which a cut may be missed
LINES = (480, 720, 1080)  # of the films whose speed is measured

Frames = list[np.ndarray]  # uint8 H×W×3, RGB


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.film", description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--odd", action="store_true", help="every second clip")
    parser.add_argument("--ways", help="some rows alone, with commas between")
    parser.add_argument("--sheet", type=Path, help="film and truth every half second, as a picture")
    parser.add_argument("--cuts", action="store_true", help="of joined clips")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    clips = sorted(options.clips.glob("*.mp4"))[:: 2 if options.odd else 1]
    if options.cuts:
        report_cuts(clips, options.seed)
    elif options.speed:
        report_speed(clips)
    else:
        report_colours(clips, options.ways, options.sheet)


def report_colours(clips: Sequence[Path], chosen: str | None, sheet: Path | None) -> None:
    colouriser = Colouriser.load()
    ways: dict[str, Callable[[Path], Frames]] = {
        "truth": frames,
        "grey": lambda clip: [np.asarray(luma.convert("RGB")) for luma in lumas(clip)],
        "single frames": lambda clip: [
            np.asarray(colouriser.colourise(luma)) for luma in lumas(clip)
        ],
        "film": lambda clip: film(clip, colouriser),
        "first frame true": lambda clip: film(clip, colouriser, first_true=True),
    }
    ways = {name: way for name, way in ways.items() if not chosen or name in chosen.split(",")}
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    strips = list[np.ndarray]()
    print("| clip | | CDC | jitter | PSNR | colourfulness |")
    print("|---|---|---|---|---|---|")
    for clip in clips:
        truth = frames(clip)
        for name, way in ways.items():
            coloured = way(clip)
            judged = slice(1, None) if name == "first frame true" else slice(None)
            near = psnr(coloured[judged], truth[judged]) if name != "truth" else float("inf")
            rows[name].append((cdc(coloured), jitter(coloured), near, colourfulness(coloured)))
            print(row(clip.stem, name, rows[name][-1]), flush=True)
            if name == "film":
                strips += [np.hstack(film[::12][:6]) for film in (coloured, truth)]
    for name, figures in rows.items():
        print(row("**mean**", name, [statistics.mean(f) for f in zip(*figures, strict=True)]))
    if sheet and strips:
        width = min(strip.shape[1] for strip in strips)
        Image.fromarray(np.vstack([strip[:, :width] for strip in strips])).save(sheet)


def row(clip: str, name: str, figures: Sequence[float]) -> str:
    still, jumps, near, colour = figures
    return f"| {clip} | {name} | {still:.2e} | {jumps:.2f} | {near:.2f} | {colour:.1f} |"


def report_cuts(clips: Sequence[Path], seed: int) -> None:
    films = {}
    for clip in clips:
        source = Film.open(clip)
        films[clip.stem] = [
            small_luma(luma_plane(frame.picture, source.layout), SIZE, source.layout)
            for frame in source.frames()
        ]
    joined, spans = join_clips(films, random.Random(seed))
    left, missed = list(find_cuts(joined)), []
    for first, last in spans:
        found = [cut for cut in left if first - NEAR <= cut <= last + NEAR]
        if found:
            left.remove(found[0])
        else:
            missed.append((first, last))
    print(f"{len(joined)} frames, {len(spans)} cuts; missed: {missed}; false: {left}")


def join_clips(
    films: dict[str, Frames], draw: random.Random, scenes: int = 41
) -> tuple[Frames, list[tuple[int, int]]]:
    """Parts of films joined by hard cuts, cross-fades and fades through black, some with a flash, a
    step of brightness, a dip of it, or flicker.

    Returns:
        Luma of the frames, and the first and last frame of each cut.
    """
    joined, spans, last = list[np.ndarray](), list[tuple[int, int]](), ""
    for _ in range(scenes):
        last = draw.choice([name for name in films if name != last])
        count = draw.randint(30, min(70, len(films[last])))
        start = draw.randint(0, len(films[last]) - count)
        part = np.array(films[last][start : start + count], np.float32)
        disturbance = draw.random()
        if count >= 44 and disturbance < 0.5:
            at = draw.randint(16, count - 26)
            if disturbance < 0.2:
                flash = slice(at, at + draw.randint(1, 4))
                part[flash] = part[flash] * 0.2 + 235 * 0.8
            elif disturbance < 0.3:
                part[at:] *= 0.6
            elif disturbance < 0.4:
                part[at : at + 8] *= np.array([0.8, 0.5, 0.25, 0.1, 0.1, 0.25, 0.5, 0.8])[
                    :, None, None
                ]
            else:
                part *= np.array([draw.uniform(0.85, 1.15) for _ in part])[:, None, None]
        kind, end = draw.random(), len(joined)
        if not joined:
            joined += list(part)
        elif kind < 0.6:
            joined += list(part)
            spans.append((end, end))
        elif kind < 0.85:
            length = draw.choice([6, 8, 12, 16, 24]) if count >= 44 else 8
            for step in range(length):
                share = (step + 1) / (length + 1)
                joined[step - length] = joined[step - length] * (1 - share) + part[step] * share
                end = len(joined) - length
            joined += list(part[length:])
            spans.append((end, end + length))
        else:
            length = draw.choice([6, 8, 12])
            for step in range(length):
                joined[step - length] = joined[step - length] * (1 - (step + 1) / length)
                part[step] *= step / length
            joined += list(part)
            spans.append((end - length, end + length))
    return [np.clip(frame, 0, 255).astype(np.uint8) for frame in joined], spans


def report_speed(clips: Sequence[Path], count: int = 60) -> None:
    """Frames a second from end to end, of joined clips made larger, beside single frames; and what
    each step takes by itself, its decoding included. Colours of a scene are found while the one
    before it is rendered and encoded, so the whole takes less than the sum."""
    colouriser = Timed(hub.load(hub.resolve(None)))
    print("| lines | frames a second | single frames a second | ms a frame: find scenes |", end="")
    print(" colours | of it network | render | encode |")
    print("|---|---|---|---|---|---|---|---|")
    pictures = [picture for clip in clips[:4] for picture in frames(clip)[:count]]
    for lines in LINES:
        size = (lines * 4 // 3, lines)
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "in.mp4"
            with av.open(str(source), "w") as container:
                stream = container.add_stream("libx264", 25)
                stream.width, stream.height = size
                stream.pix_fmt = "yuv420p"
                for picture in pictures:
                    grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), size)
                    frame = av.VideoFrame.from_ndarray(grey, format="gray")
                    container.mux(stream.encode(frame))
                container.mux(stream.encode(None))
            begun = time.perf_counter()
            colour_film(Film.open(source), Path(folder) / "out.mp4", colouriser)
            whole = time.perf_counter() - begun
            some = list(islice(lumas(source), 10))
            begun = time.perf_counter()
            for luma in some:
                colouriser.colourise(luma)
            single = (time.perf_counter() - begun) / len(some)
            seconds = list(step_seconds(Film.open(source), colouriser, Path(folder) / "out.mkv"))
        steps = " | ".join(f"{1000 * second / len(pictures):.1f}" for second in seconds)
        print(f"| {lines} | {len(pictures) / whole:.1f} | {1 / single:.1f} | {steps} |", flush=True)


class Timed(Colouriser):
    """Counts the seconds of the network's looks."""

    seconds = 0.0

    def predict_copy(self, *arguments: Any, **options: Any) -> Prediction:
        begun = time.perf_counter()
        prediction = super().predict_copy(*arguments, **options)
        self.seconds += time.perf_counter() - begun
        return prediction


def step_seconds(film: Film, colouriser: Timed, target: Path) -> Iterator[float]:
    """Seconds in which scenes are found; colours, and what the network takes of it; in which frames
    are rendered; and encoded."""
    look, begun = Look(), time.perf_counter()
    times, scenes = look_through(film, lambda *_: None)
    yield time.perf_counter() - begun
    colouriser.seconds, begun = 0.0, time.perf_counter()
    parts = list(colour_parts(film, split(scenes, len(times)), colouriser, look))
    yield time.perf_counter() - begun
    yield colouriser.seconds
    begun, decoded = time.perf_counter(), film.frames()
    pictures = [picture for part in parts for _, picture in render(decoded, part, film, look)]
    yield time.perf_counter() - begun
    begun = time.perf_counter()
    encode(target, film, pictures, Encoding())
    yield time.perf_counter() - begun


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
