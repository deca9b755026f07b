"""The command `colouriser film`."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from .. import settings
from ..errors import ColouriserError, reason


def film(
    source: Annotated[Path, typer.Argument(metavar="IN", help="a film")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help=".mkv, .mp4 or .mov")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="colour again what is done already")
    ] = False,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="FFV1 in Matroska: luma stays exactly as it is")
    ] = False,
    quality: Annotated[
        int, typer.Option(min=0, max=40, help="of H.264: its constant rate factor, 0 is best")
    ] = 18,
    recolour: Annotated[
        bool, typer.Option("--recolour", help="scenes that are in colour or tinted, too")
    ] = False,
    detail: Annotated[int, typer.Option(help="size the generator sees, 64 to 1024")] = int(
        settings.DETAIL.usual
    ),
    vividness: Annotated[
        float, typer.Option(help="strength of colour, 0 to 2")
    ] = settings.VIVIDNESS.usual,
    temperature: Annotated[
        float, typer.Option(help="of all colours, from bluish to yellowish, -1 to 1")
    ] = settings.TEMPERATURE.usual,
    model: Annotated[
        str | None,
        typer.Option(help="folder or Hub repository owner/name@revision; bundled unless given"),
    ] = None,
) -> None:
    """Colour a film.

    Sound, subtitles, chapters and timestamps are copied. Stopped and started again it goes on with
    the next scene. OUT appears when it is complete.

    The exit code is 0 if all went well, 1 if it failed, 2 for a wrong command line.
    """
    logging.basicConfig(format="warning: %(message)s")
    try:
        from .run import Look, colour_film
        from .write import Encoding
    except ModuleNotFoundError as error:
        typer.echo(f"error: no {error.name}; pip install 'colouriser[film]'", err=True)
        raise typer.Exit(1) from error
    from ..pipeline import Colouriser

    if target.exists() and not overwrite:
        typer.echo("it is there already; --overwrite colours it again", err=True)
        return
    look = Look(detail, vividness, temperature, recolour)
    try:
        with tqdm(desc="colour", unit="frame") as bar:

            def show(done: int, total: int) -> None:
                bar.total = max(done, total) if total else None
                bar.update(done - bar.n)

            encoding = Encoding(lossless, quality)
            cuts = colour_film(source, target, Colouriser.load(model), look, encoding, show)
    except ColouriserError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"error: {target.name}: {reason(error)}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("stopped; start it again to go on with the next scene", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"coloured, {len(cuts)} scenes", err=True)
