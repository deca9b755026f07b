"""Train a generator and publish it: `python -m train STEP`, `python -m train STEP --help`.

    prepare     photographs -> bytes at their stored size, with splits
    generator   stage 1: pixel loss, from ImageNet weights
    critic      stage 2: tell generated photographs from real ones
    gan         stage 3: both against each other
    evaluate    metrics of a run's stages, of any model, and of other tools' images
    figures     three-column figures and curves
    all         all of these
    publish     weights, model card and figures to the Hugging Face Hub
    space       the app with a published model, as a Hugging Face Space

Each step reads what the one before left in the run folder. A stage that was killed goes on from
its last epoch when it is started again; one that is done is left as it is.
"""

import argparse
import logging
import sys
import warnings
from pathlib import Path

from colouriser import ColouriserError

from .errors import TrainingError
from .recipes import RECIPES, Recipe
from .run import Run

log = logging.getLogger(__name__)

SCHEME = "hf://datasets/"  # of a data set on the Hub
STEPS = ("prepare", "generator", "critic", "gan", "evaluate", "figures")


def main(arguments: list[str] | None = None) -> int:
    """Run a step; returns the exit code."""
    options = _parse(arguments)
    warnings.filterwarnings("ignore", module=r"(torch|fastai)\.")  # theirs, not the user's
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells of every request
    try:
        if options.step == "publish":
            _publish(options)
        elif options.step == "space":
            _space(options)
        else:
            _train(options)
    except ColouriserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except FileNotFoundError as error:
        missing = str(error).strip().splitlines()[-1]  # of a process that loads, its last line
        sys.stderr.write(f"error: {missing}; put it back, or prepare another --run\n")
        return 1
    except OSError as error:
        sys.stderr.write(
            f"error: {error}; free space or give another --run, then start the step again to go on "
            "from its last epoch\n"
        )
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; start the step again to go on from its last epoch\n")
        return 130
    return 0


def _train(options: argparse.Namespace) -> None:
    recipe = RECIPES[options.recipe]
    run = Run(options.run or Path("runs") / recipe.name)
    if options.source and Run(Path(options.source)).is_prepared:
        run, options.source = Run(Path(options.source)), None
    elif options.source and options.step != "evaluate":
        raise TrainingError(
            f"{options.source} is no prepared run; check the name, or give a new one as --run"
        )
    recipe = run.recipe(recipe)
    for step in STEPS if options.step == "all" else [options.step]:
        if options.step == "all" and step in ("critic", "gan") and not recipe.gan_epochs:
            continue
        if step == "generator" and recipe.goes_on:
            from .stages.generator import recipe_of_start

            recipe = recipe_of_start(recipe, run, options.start)
        with run.recorded(step, recipe, **_notes(step, options)):
            _run_step(step, options, recipe, run)


def _notes(step: str, options: argparse.Namespace) -> dict[str, object]:
    """What to record of a step beside its surroundings; no paths, since it will be published."""
    if step == "prepare":
        from .data.prepare import PETS

        names = [s if s.startswith(SCHEME) else Path(s).resolve().name for s in options.images]
        return {"photographs": names or [PETS]}
    if step == "generator" and options.start:
        start = Path(options.start)
        return {"start": start.resolve().name if start.exists() else options.start}
    return {}


def _run_step(step: str, options: argparse.Namespace, recipe: Recipe, run: Run) -> None:
    if step == "prepare":
        from .data.prepare import prepare

        folders = [_image_folder(source, run) for source in options.images]
        prepare(recipe, run, folders, options.splits, options.apart)
    elif step == "generator":
        from .stages.generator import train_generator

        train_generator(recipe, run, options.encoder_weights, options.start, options.track)
    elif step == "critic":
        from .stages.critic import train_critic

        train_critic(recipe, run, options.eyes_weights, options.track)
    elif step == "gan":
        from .stages.gan import train_gan

        train_gan(recipe, run, options.eyes_weights, options.track)
    elif step == "evaluate":
        from .measure.evaluate import evaluate

        others = dict(_name_and_folder(text) for text in options.compare)
        path = evaluate(
            recipe, run, options.split, options.source, others, options.degraded, options.sets
        )
        log.info("%s\n%s", path, path.read_text())
    else:
        from .measure.figures import figures

        for path in figures(recipe, run, options.split, options.set):
            log.info("%s", path)


def _image_folder(source: str, run: Run) -> Path:
    if not source.startswith(SCHEME) or run.is_prepared:
        return Path(source)
    from .data.hub_images import dataset_folder

    return dataset_folder(source, run.folder / "images" / source.removeprefix(SCHEME))


def _publish(options: argparse.Namespace) -> None:
    from .release.publish import Publication, files, publish, write_folder

    publication = Publication(
        options.repo,
        options.tag,
        options.private,
        options.retag,
        options.pr,
        options.license,
    )
    if options.dry_run:
        folder = write_folder(Run(options.source), publication)
        log.info("%s@%s would get, from %s:", options.repo, options.tag, folder)
        for name in files(folder):
            log.info("%10d bytes  %s", (folder / name).stat().st_size, name)
    else:
        log.info("%s", publish(Run(options.source), publication))


def _space(options: argparse.Namespace) -> None:
    from .release.publish import files
    from .release.space import Space, publish_space, write_folder

    space = Space(options.repo, options.model, options.private, options.hardware, options.static)
    folder = write_folder(space, Path("runs") / ("static-space" if space.static else "space"))
    if options.dry_run:
        log.info("the Space %s would get, from %s:", options.repo, folder)
        for name in files(folder):
            log.info("%10d bytes  %s", (folder / name).stat().st_size, name)
    else:
        log.info("%s", publish_space(space, folder))


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    for step in (*STEPS, "all"):
        _training_options(steps.add_parser(step), step)
    publish = steps.add_parser("publish")
    publish.add_argument("source", type=Path, metavar="RUN", help="a run folder, all steps done")
    publish.add_argument("--repo", required=True, help="owner/name; made if it is not there")
    publish.add_argument("--tag", required=True, help="of this version, for example v1")
    publish.add_argument("--license", help="of the weights, as the Hub calls it")
    publish.add_argument("--private", action="store_true", help="if it is made now")
    publish.add_argument("--retag", action="store_true", help="move a tag that exists")
    publish.add_argument("--pr", action="store_true", help="open a pull request; tag nothing")
    publish.add_argument("--dry-run", action="store_true", help="write the folder, send nothing")
    space = steps.add_parser("space")
    space.add_argument("--repo", required=True, help="owner/name of the Space")
    space.add_argument("--model", required=True, help="owner/name@revision")
    space.add_argument(
        "--hardware",
        help="zero-a10g (ZeroGPU), t4-small, …; a CPU, which needs a paid plan, unless given",
    )
    space.add_argument(
        "--static",
        action="store_true",
        help="the browser edition, which is free: visitors' own computers colour",
    )
    space.add_argument("--private", action="store_true", help="if it is made now")
    space.add_argument("--dry-run", action="store_true", help="write the folder, send nothing")
    return parser.parse_args(arguments)


def _training_options(parser: argparse.ArgumentParser, step: str) -> None:
    parser.add_argument(
        "source",
        nargs="?",
        help="a prepared run folder, like --run; or, for evaluate, a model (a folder or "
        "owner/name@revision) that colours the photographs of --run",
    )
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="cpu")
    parser.add_argument("--run", type=Path, help="run folder; runs/RECIPE unless given")
    if step in ("prepare", "all"):
        parser.add_argument(
            "--images",
            nargs="+",
            default=[],
            metavar="FOLDER",
            help="folders of photographs, or data sets on the Hub (hf://datasets/OWNER/NAME); the "
            "Oxford-IIIT Pet Dataset is downloaded unless given",
        )
        parser.add_argument(
            "--splits",
            type=Path,
            nargs="+",
            default=[],
            help="CSV files with the columns file and split (train, valid, test); by a hash of the "
            "name unless given; with columns source and weight if wanted",
        )
        parser.add_argument(
            "--apart",
            nargs="+",
            default=[],
            metavar="SOURCE",
            help="sources in those files whose photographs are measured in a table of their own",
        )
    if step in ("generator", "all"):
        parser.add_argument(
            "--encoder-weights",
            type=Path,
            help="ImageNet weights of the encoder (safetensors, with timm's or torchvision's "
            "names); downloaded unless given",
        )
    if step in ("generator", "critic", "gan", "all"):
        parser.add_argument(
            "--track",
            nargs="?",
            const="here",
            metavar="SPACE",
            help="show curves and pictures live in trackio: on this computer (trackio show), or as "
            "the Space owner/name",
        )
    if step in ("critic", "gan", "all"):
        parser.add_argument(
            "--eyes-weights",
            type=Path,
            help="ImageNet weights of EfficientNet-Lite0 (safetensors, with timm's names), through "
            "which losses and the critic look; downloaded unless given",
        )
    if step in ("generator", "all"):
        parser.add_argument(
            "--start",
            metavar="MODEL",
            help="a model for the generator to go on from, a folder or owner/name@revision; "
            "ImageNet's encoder unless given",
        )
    if step in ("evaluate", "figures", "all"):
        parser.add_argument(
            "--split",
            choices=["train", "valid", "test"],
            default="test",
            help="what evaluate measures and figures show (default: test)",
        )
    if step in ("figures", "all"):
        parser.add_argument("--set", help="only photographs of this set, one that may be shown")
    if step in ("evaluate", "all"):
        parser.add_argument(
            "--compare",
            nargs="+",
            default=[],
            metavar="NAME=FOLDER",
            help="what other tools made of the same photographs (NAME.png each), as further rows",
        )
        parser.add_argument(
            "--degraded",
            nargs="+",
            default=[],
            metavar="SET",
            help="sets that are also measured degraded, as scans are",
        )
        parser.add_argument(
            "--sets", nargs="+", default=[], metavar="SET", help="measure these sets alone"
        )


def _name_and_folder(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if not name or not Path(folder).is_dir() or not folder:
        raise TrainingError(f"--compare {text}: give NAME=FOLDER with a folder of images")
    return name, Path(folder)


if __name__ == "__main__":
    sys.exit(main())
