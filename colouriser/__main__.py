"""The command line: colouriser colour photo.jpg scans/ -o coloured/, archive, and page."""

import logging
import os
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from tqdm import tqdm

from . import settings
from .batch import MOST_THREADS, groups, overlapped, plan
from .errors import ColouriserError, ModelError, PhotoError, SettingError
from .film.command import film
from .photo import Photo, mark, read, read_picture, to_colour, write

Model = Annotated[
    str | None,
    typer.Option(help="folder or Hub repository owner/name@revision; bundled unless given"),
]

GPUS = settings.Range(0, 8, 0)  # of a worker

program = typer.Typer(
    help="Colour for black-and-white photographs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # an error is one line
)


def setting(range: settings.Range, text: str) -> typer.models.OptionInfo:
    """An option for a number that must lie in a setting's range."""

    def check(context: typer.Context, parameter: typer.CallbackParam, value: float) -> float:
        try:
            range.check(parameter.opts[0], value)
        except SettingError as error:
            raise typer.BadParameter(str(error)) from error
        return value

    limits = f"{range.lowest:g} to {range.highest:g}"
    return typer.Option(help=f"{text}, {limits}", callback=check)


Overwrite = Annotated[bool, typer.Option("--overwrite", help="colour again what is done already")]
Detail = Annotated[int, setting(settings.DETAIL, "size the generator sees")]
Vividness = Annotated[float, setting(settings.VIVIDNESS, "strength of colour")]
Temperature = Annotated[
    float, setting(settings.TEMPERATURE, "of all colours, from bluish to yellowish")
]
KeepPosition = Annotated[
    bool, typer.Option("--keep-position", help="keep where it was taken (GPS)")
]
Marked = Annotated[
    bool, typer.Option("--mark", help="write into a corner that the colour was added")
]


@program.command()
def colour(
    photos: Annotated[list[Path], typer.Argument(help="photographs and folders of them")],
    output: Annotated[Path, typer.Option("--output", "-o", help="folder for the results")],
    overwrite: Overwrite = False,
    detail: Detail = int(settings.DETAIL.usual),
    vividness: Vividness = settings.VIVIDNESS.usual,
    temperature: Temperature = settings.TEMPERATURE.usual,
    keep_position: KeepPosition = False,
    marked: Marked = False,
    hints: Annotated[
        Path | None, typer.Option(help="JSON list of {x, y, colour, radius}, for one photograph")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="photograph whose colours are taken where it looks alike")
    ] = None,
    strength: Annotated[
        float, setting(settings.STRENGTH, "how much of the reference's colours is taken")
    ] = settings.STRENGTH.usual,
    variants: Annotated[
        int, typer.Option(min=0, max=int(settings.VARIANTS.highest), help="other colourings, too")
    ] = 0,
    model: Model = None,
) -> None:
    """Colour photographs, and folders of them, which are searched recursively.

    File names and formats are kept (formats that cannot be written become PNG, photo.gif.png). What
    is done already is skipped; a bad file does not stop the rest.

    The exit code is 0 if all went well, 1 if any photograph failed, 2 for a wrong command line.
    """
    if os.path.exists(output) and not os.path.isdir(output):
        raise typer.BadParameter(f"--output must be a folder; {output} is a file")
    logging.basicConfig(format="warning: %(message)s")
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters becomes an error
    from .hints import read_hints  # when they are needed: they import torch
    from .pipeline import Colouriser, Prediction
    from .together import TOGETHER, together

    jobs, problems = plan(photos, output)
    if hints is not None and len(jobs) != 1:
        raise typer.BadParameter("--hints are places in one photograph; give one alone")
    try:
        given = read_hints(hints) if hints else []
        other = read_picture(reference) if reference else None
        colouriser = Colouriser.load(model)
    except ColouriserError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    for problem in problems:
        typer.echo(f"error: {problem}", err=True)
    counts = Counter(failed=len(problems))

    def take(job: tuple[Path, Path]) -> Photo | str:
        target, source = job
        if os.path.exists(target) and not overwrite:
            return "skipped"
        photo = read(source, name=str(source))
        return replace(photo, jpeg=None) if marked else photo  # its luma will not be the same

    def predict(lumas: list[Image.Image]) -> Sequence[Prediction | ModelError]:
        if given or other:
            return [colouriser.predict(luma, detail, given, other, strength) for luma in lumas]
        return colouriser.predict_all(lumas, detail)

    def finish(job: tuple[Path, Path], photo: Photo, prediction: Prediction) -> str:
        target, source = job
        luma = to_colour(photo, target.name)
        results = {target: prediction}
        if variants:
            found = colouriser.predict_variants(prediction, variants)
            for number, variant in enumerate(found, 2):
                results[target.with_stem(f"{target.stem}-{number}")] = variant
        for file in results:
            if file != target and file in jobs:
                raise PhotoError(
                    "variant_there",
                    "{file} is the result of another photograph; choose another folder",
                    file=file.name,
                ).of(str(source))
        for file, one in reversed(results.items()):  # the target last: then all is done
            if os.path.exists(file) and not overwrite:
                continue
            result = colouriser.merge(luma, one, vividness, temperature)
            write(mark(result) if marked else result, file, photo, keep_position)
        return "coloured"

    def failed(job: tuple[Path, Path], error: Exception) -> ColouriserError:
        if not isinstance(error, ColouriserError):
            raise error
        return error

    def colour_group(group: list[tuple[Path, Path]]) -> list[str | ColouriserError]:
        return together(group, take, predict, finish, failed)

    threads = min(os.cpu_count() or 1, MOST_THREADS, max(1, len(jobs)))
    if threads > 1:
        import torch  # no sooner: it takes a second

        torch.set_num_threads(max(1, (os.cpu_count() or 1) // threads))
    bar = tqdm(
        total=len(jobs), desc="colour", unit="photo", disable=None if len(jobs) > 1 else True
    )
    # Of few photographs each thread gets its share; with a reference each is asked about alone.
    size = 1 if given or other else max(1, min(TOGETHER, len(jobs) // threads))
    try:
        for _, result in overlapped(colour_group, groups(jobs.items(), size), threads):
            for became in result.result():
                if isinstance(became, ColouriserError):
                    counts["failed"] += 1
                    tqdm.write(f"error: {became}", file=sys.stderr)
                else:
                    counts[became] += 1
                bar.update()
        bar.close()
    except KeyboardInterrupt:
        bar.close()
        typer.echo("stopped; start it again to go on with the rest", err=True)
        raise typer.Exit(130) from None
    summary = ", ".join(f"{counts[what]} {what}" for what in ("coloured", "skipped", "failed"))
    typer.echo(summary, err=True)
    raise typer.Exit(1 if counts["failed"] else 0)


@program.command()
def archive(
    source: Annotated[str, typer.Argument(metavar="IN", help="folder, or s3://bucket/folder")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="the same, for the results")],
    overwrite: Overwrite = False,
    detail: Detail = int(settings.DETAIL.usual),
    vividness: Vividness = settings.VIVIDNESS.usual,
    temperature: Temperature = settings.TEMPERATURE.usual,
    keep_position: KeepPosition = False,
    marked: Marked = False,
    model: Model = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="as many as there is room for")
    ] = None,
    cpus: Annotated[int, typer.Option(min=1, max=256, help="processors of each worker")] = 1,
    gpus: Annotated[float, setting(GPUS, "GPUs of each worker; a share is enough for one")] = 0.0,
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
        from .archive import Look, Workers, archive
    except ModuleNotFoundError as error:
        raise _not_installed(error, "archive") from error
    look = Look(detail, vividness, temperature, keep_position, marked)
    team = Workers(workers, cpus, gpus, address)

    def failed(line: str) -> None:
        tqdm.write(line, file=sys.stderr)

    try:
        summary = archive(source, target, look, team, model, overwrite, failed)
    except ColouriserError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("stopped; start it again to go on with the rest", err=True)
        raise typer.Exit(130) from None
    counts = ", ".join(f"{count} {what}" for what, count in asdict(summary).items())
    typer.echo(counts, err=True)
    raise typer.Exit(1 if summary.failed else 0)


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


program.command()(film)


def _not_installed(error: ModuleNotFoundError, extra: str) -> typer.Exit:
    typer.echo(f"error: no {error.name}; pip install 'colouriser[{extra}]'", err=True)
    return typer.Exit(1)


if __name__ == "__main__":
    program(prog_name="colouriser")
