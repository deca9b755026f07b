"""The command line: colouriser colour photo.jpg scans/ -o coloured/, archive, film, web, page."""

import logging
import os
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from threading import Timer
from typing import Annotated, Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported, see pool.py

import typer
from tqdm import tqdm

from .errors import ColouriserError, PhotoError, SettingError, reason
from .job import Job, Outcome, source_bytes, too_slow
from .options import (
    DETAIL,
    STRENGTH,
    TEMPERATURE,
    VARIANTS,
    VIVIDNESS,
    Number,
    Options,
    Setting,
    Wishes,
    spread,
)
from .photo import MAX_PIXELS, read_picture
from .pool import Pool, deadline, share_out
from .sources import plan

Model = Annotated[
    str | None,
    typer.Option(help="folder or Hub repository owner/name@revision; bundled unless given"),
]
Device = Annotated[
    str | None, typer.Option(help="cpu, cuda, cuda:1, mps; the first GPU unless given")
]

GPUS = Number(0, 8, 0, "GPUs of each worker; a share is enough for one")

program = typer.Typer(
    help="Colour for black-and-white photographs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # an error is one line
)


def flag(name: str, setting: Setting) -> Any:
    """The type of a command's parameter that is a flag for a setting, and is checked."""
    spelled = f"--{name.replace('_', '-')}"

    def check(value: Any) -> Any:
        try:
            return setting.check(spelled, value)
        except SettingError as error:
            raise typer.BadParameter(str(error)) from error

    return Annotated[
        type(setting.default), typer.Option(spelled, help=setting.text, callback=check)
    ]


def with_flags(function: Callable) -> Callable:
    """A command with a flag for each option in place of `options`."""
    return spread(function, flag)


Overwrite = Annotated[bool, typer.Option("--overwrite", help="colour again what is done already")]


@program.command()
@with_flags
def colour(
    photos: Annotated[
        list[Path], typer.Argument(help="photographs, and folders and zip archives of them")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="folder for the results")],
    overwrite: Overwrite = False,
    options: Options = Options(),
    hints: Annotated[
        Path | None, typer.Option(help="JSON list of {x, y, colour, radius}, for one photograph")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="photograph whose colours are taken where it looks alike")
    ] = None,
    strength: flag("strength", STRENGTH) = STRENGTH.default,  # type: ignore[valid-type]
    variants: Annotated[
        int, typer.Option(min=0, max=int(VARIANTS.highest), help="other colourings, too")
    ] = 0,
    model: Model = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="processes; as many as cores and memory allow"),
    ] = None,
    device: Device = None,
) -> None:
    """Colour photographs, and folders and zip archives of them, which are searched recursively.

    File names and formats are kept (formats that cannot be written become PNG, photo.gif.png). What
    is done already is skipped; a bad file does not stop the rest.

    The exit code is 0 if all went well, 1 if any photograph failed, 2 for a wrong command line.
    """
    if os.path.exists(output) and not os.path.isdir(output):
        raise typer.BadParameter(f"--output must be a folder; {output} is a file")
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters becomes an error
    planned, problems, passed = plan(photos, output, options.format)
    if hints is not None and len(planned) != 1:
        raise typer.BadParameter("--hints are places in one photograph; give one alone")
    try:
        wishes = _wishes(hints, reference, strength)
        model = _pinned(model) if model else None
    except ColouriserError as error:
        raise _failed(error) from error
    todo, skipped = list[Job](), 0
    for target, entry in planned.items():
        others = [target.with_stem(f"{target.stem}-{i}") for i in range(2, 2 + variants)]
        taken = next((file for file in others if file in planned), None)
        if taken:
            problems.append(
                PhotoError(
                    "variant_there",
                    "{file} is the result of another photograph; choose another folder",
                    file=taken.name,
                ).of(entry.name)
            )
        elif os.path.exists(target) and not overwrite:
            skipped += 1
        else:
            missing = [f if overwrite or not os.path.exists(f) else None for f in others]
            more = tuple(missing), entry.sidecars
            todo.append(Job(entry.source, entry.name, options, wishes, target, *more))
    for line in [*passed.lines(), *(f"error: {problem}" for problem in problems)]:
        typer.echo(_line(line), err=True)
    counts = Counter({"coloured": 0, "already in colour": 0, "skipped": skipped})
    counts["failed"] = len(problems)
    hidden = None if len(todo) > 1 else True  # None: shown on terminals
    bar = tqdm(total=len(todo), desc="colour", unit="photo", disable=hidden)
    try:
        for outcome in _outcomes(todo, model, jobs, device):
            for warning in outcome.warnings:
                tqdm.write(_line(f"warning: {warning}"), file=sys.stderr)
            if outcome.error:
                tqdm.write(_line(f"error: {outcome.error}"), file=sys.stderr)
            result = "already in colour" if outcome.in_colour else "coloured"
            counts["failed" if outcome.error else result] += 1
            bar.update()
        bar.close()
    except ColouriserError as error:
        bar.close()
        raise _failed(error) from error
    except KeyboardInterrupt:
        bar.close()
        raise _stopped() from None
    _say_counts(counts)
    raise typer.Exit(1 if counts["failed"] else 0)


def _line(text: str) -> str:
    """A text with names from outside, which could steer a terminal, as one line."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "�", text)


def _wishes(hints: Path | None, reference: Path | None, strength: float) -> Wishes:
    """What is asked for of one photograph, or of all with a reference."""
    given = tuple[Any, ...]()
    if hints:
        from .hints import read_hints  # when it is needed: it imports torch

        given = tuple(read_hints(hints))
    if reference:
        read_picture(reference)  # what is wrong with it is said once
    return Wishes(given, reference=reference, strength=strength)


def _pinned(model: str) -> str | None:
    """The model's name at its commit, so that every process loads the same; none is bundled.

    Raises:
        ModelError: there is none.
    """
    from . import hub  # when it is needed: it imports torch

    return hub.pinned(hub.resolve(model))


def _outcomes(
    todo: list[Job], model: str | None, processes: int | None, device: str | None
) -> Iterator[Outcome]:
    """What became of each job; one alone is done here, since to start a process takes seconds."""
    if len(todo) > 1:
        with Pool(*share_out(len(todo), processes, device), model, device) as pool:
            for _, outcome in pool.run(todo):
                yield outcome
    elif todo:
        from .pipeline import Colouriser
        from .worker import Worker

        (job,) = todo
        seconds = 2 * deadline(source_bytes(job.source), MAX_PIXELS)  # it cannot be interrupted
        watchdog = Timer(seconds, _give_up, [job.name])
        watchdog.daemon = True
        watchdog.start()
        yield from Worker(Colouriser.load(model, device)).run(todo)
        watchdog.cancel()


def _give_up(name: str) -> None:
    typer.echo(f"error: {too_slow().of(name)}", err=True)
    _say_counts(Counter(coloured=0, skipped=0, failed=1))
    os._exit(1)


def _say_counts(counts: Counter[str]) -> None:
    """The last line: how many photographs were coloured, and what became of others."""
    seldom = ("already in colour",)  # nothing is said of none
    parts = (f"{n} {what}" for what, n in counts.items() if n or what not in seldom)
    typer.echo(", ".join(parts), err=True)


def _failed(error: ColouriserError | OSError) -> typer.Exit:
    typer.echo(f"error: {error}", err=True)
    return typer.Exit(1)


def _stopped() -> typer.Exit:
    typer.echo("stopped; start it again to go on with the rest", err=True)
    return typer.Exit(130)


@program.command()
@with_flags
def archive(
    source: Annotated[str, typer.Argument(metavar="IN", help="folder, or s3://bucket/folder")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="the same, for the results")],
    overwrite: Overwrite = False,
    options: Options = Options(),
    model: Model = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="as many as there is room for")
    ] = None,
    cpus: Annotated[int, typer.Option(min=1, max=256, help="processors of each worker")] = 1,
    gpus: flag("gpus", GPUS) = GPUS.default,  # type: ignore[valid-type]
    address: Annotated[
        str | None, typer.Option(help="of a Ray cluster; this machine unless given")
    ] = None,
) -> None:
    """Colour an archive, of any size, on this machine or on a Ray cluster.

    Folders, names and formats are kept. Beside OUT lies a manifest in Parquet files, of what became
    of each photograph. Started again it goes on, and colours anew what has changed since.

    The exit code is 0 if all went well, 1 if any photograph failed, 2 for a wrong command line.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.basicConfig(format="warning: %(message)s")
    try:
        from .archive import Workers, archive
    except ModuleNotFoundError as error:
        raise _not_installed(error, "archive") from error
    team = Workers(workers, cpus, gpus, address)

    def failed(line: str) -> None:
        tqdm.write(_line(line), file=sys.stderr)

    try:
        summary = archive(source, target, options, team, model, overwrite, failed)
    except ColouriserError as error:
        raise _failed(error) from error
    except KeyboardInterrupt:
        raise _stopped() from None
    counts = Counter(asdict(summary))
    counts["already in colour"] = counts.pop("in_colour")
    _say_counts(counts)
    raise typer.Exit(1 if summary.failed else 0)


@program.command()
def film(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="a film, or a folder of numbered frames")
    ],
    target: Annotated[
        Path | None,
        typer.Argument(metavar="OUT", help=".mkv, .mp4, .mov or a folder; none: list scenes"),
    ] = None,
    overwrite: Overwrite = False,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="FFV1 in Matroska: luma stays exactly as it is")
    ] = False,
    quality: Annotated[
        int, typer.Option(min=0, max=40, help="of H.264: its constant rate factor, 0 is best")
    ] = 18,
    recolour: Annotated[
        bool, typer.Option("--recolour", help="scenes that are in colour or tinted, too")
    ] = False,
    scenes: Annotated[
        Path | None, typer.Option(help="list of scenes: taken; or written, without OUT")
    ] = None,
    keyframes: Annotated[
        Path | None, typer.Option(help="folder of key frames: written, and taken where changed")
    ] = None,
    since: Annotated[str, typer.Option("--from", help="try a part, from 1:20, say")] = "0",
    until: Annotated[str | None, typer.Option("--to", help="... to 1:30")] = None,
    detail: flag("detail", DETAIL) = DETAIL.default,  # type: ignore[valid-type]
    vividness: flag("vividness", VIVIDNESS) = VIVIDNESS.default,  # type: ignore[valid-type]
    temperature: flag("temperature", TEMPERATURE) = TEMPERATURE.default,  # type: ignore[valid-type]
    model: Model = None,
    device: Device = None,
) -> None:
    """Colour a film.

    Sound, subtitles, chapters and timestamps are copied. Stopped and started again it goes on with
    the next scene. OUT appears when it is complete.

    The exit code is 0 if all went well, 1 if it failed, 2 for a wrong command line.
    """
    logging.basicConfig(format="warning: %(message)s")
    try:
        from .film import cutlist
        from .film.frames import FrameFolder
        from .film.read import Film
        from .film.run import Look, colour_film, look_through
        from .film.write import Encoding
    except ModuleNotFoundError as error:
        raise _not_installed(error, "film") from error
    if target is None and scenes is None:
        raise typer.BadParameter("give OUT, or --scenes to list them alone")
    if target and os.path.exists(target) and not overwrite:
        typer.echo("it is there already; --overwrite colours it again", err=True)
        return
    bar = tqdm(unit="frame")

    def show(what: str, done: int, total: int) -> None:
        if bar.desc != f"{what}: ":
            bar.reset()
            bar.set_description(what)
            bar.initial = done
        bar.total = max(done, total) if total else None
        bar.update(done - bar.n)

    try:
        start = cutlist.seconds("--from", since)
        end = cutlist.seconds("--to", until) if until else float("inf")
        if (start or until) and (scenes or keyframes):
            raise typer.BadParameter("--scenes and --keyframes are of the whole film")
        opened: Film | FrameFolder
        if source.is_dir():
            if start or until:
                raise typer.BadParameter("--from and --to are not of a folder of frames")
            opened = FrameFolder.open(source)
        else:
            opened = Film.open(source, lossless, start, end)
        if target is None:
            assert scenes
            times, found = look_through(opened, show)
            cutlist.write_scenes(scenes, found, times, opened.time_base)
            count, done = len(found), "found"
        else:
            from .pipeline import Colouriser

            count, done = (
                colour_film(
                    opened,
                    target,
                    Colouriser.load(model, device),
                    Look(detail, vividness, temperature, recolour),
                    Encoding(lossless, quality),
                    show,
                    cutlist.read_scenes(scenes) if scenes else None,
                    keyframes,
                ),
                "coloured",
            )
    except ColouriserError as error:
        bar.close()
        raise _failed(error) from error
    except OSError as error:
        bar.close()
        typer.echo(f"error: {(target or source).name}: {reason(error)}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        bar.close()
        typer.echo("stopped; start it again to go on with the next scene", err=True)
        os._exit(130)  # or the scene that is being coloured would be waited for
    bar.close()
    typer.echo(f"{done}, {count} scenes", err=True)


@program.command()
def page(
    model: Annotated[
        str | None,
        typer.Option(
            envvar="COLOURISER_MODEL",
            help="folder or Hub repository owner/name@revision; bundled unless given",
        ),
    ] = None,
) -> None:
    """Serve the page, on http://127.0.0.1:7860 unless GRADIO_SERVER_PORT says otherwise."""
    try:
        from .page import serve
    except ModuleNotFoundError as error:
        raise _not_installed(error, "page") from error
    serve(model)


@program.command()
def web(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="a new folder, or one to replace")],
    model: Model = None,
) -> None:
    """Write the studio as a folder of static files, which colours in the browser.

    Any web server can serve it: python -m http.server -d OUT

    The exit code is 0 if all went well, 1 if it failed, 2 for a wrong command line.
    """
    logging.basicConfig(format="warning: %(message)s")
    try:
        from .web.build import build
    except ModuleNotFoundError as error:
        raise _not_installed(error, "web") from error
    try:
        size = build(target, model)
    except (ColouriserError, OSError) as error:
        raise _failed(error) from error
    typer.echo(f"{target}: {size / 1e6:.1f} MB")


def _not_installed(error: ModuleNotFoundError, extra: str) -> typer.Exit:
    typer.echo(f"error: no {error.name}; pip install 'colouriser[{extra}]'", err=True)
    return typer.Exit(1)


if __name__ == "__main__":
    program(prog_name="colouriser")
