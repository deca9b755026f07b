"""Train a generator: `python -m train STEP`.

    prepare     photographs -> pairs of greyscale and colour, with splits
    generator   stage 1: pixel loss, from ImageNet weights
    critic      stage 2: tell generated photographs from real ones
    gan         stage 3: both against each other
    evaluate    metrics of a run's stages, of any model, and of other tools' images
    figures     three-column figures and curves
    all         all of these

Each step reads what the one before left in the run folder. A stage that was killed goes on from
its last epoch when it is started again; one that is done is left as it is.
"""

import argparse
import logging
import sys
import warnings
from pathlib import Path

from colouriser import ColouriserError

from .recipes import RECIPES, Recipe

log = logging.getLogger(__name__)

STEPS = ("prepare", "generator", "critic", "gan", "evaluate", "figures")


def main(arguments: list[str] | None = None) -> int:
    """Run a step; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("step", choices=[*STEPS, "all"])
    parser.add_argument(
        "source",
        nargs="?",
        help="a prepared run folder, like --run; or, for evaluate, a model (a folder or "
        "owner/name@revision) that colours the photographs of --run",
    )
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="cpu")
    parser.add_argument("--run", type=Path, help="run folder; runs/RECIPE unless given")
    parser.add_argument(
        "--images",
        type=Path,
        nargs="+",
        default=[],
        help="folders of photographs; the Oxford-IIIT Pet Dataset is downloaded unless given",
    )
    parser.add_argument(
        "--splits",
        type=Path,
        nargs="+",
        default=[],
        help="CSV files with the columns file and split (train, valid, test); by hash unless given",
    )
    parser.add_argument(
        "--encoder-weights",
        type=Path,
        help="torchvision's ImageNet weights of the encoder (.pth); downloaded unless given",
    )
    parser.add_argument(
        "--start",
        metavar="MODEL",
        help="a model for the generator to go on from, a folder or owner/name@revision; ImageNet's "
        "encoder unless given",
    )
    parser.add_argument(
        "--split",
        choices=["train", "valid", "test"],
        default="test",
        help="what evaluate measures and figures show (default: test)",
    )
    parser.add_argument(
        "--compare",
        nargs="+",
        default=[],
        metavar="NAME=FOLDER",
        help="for evaluate: what other tools made of the photographs in RUN/grey, as further rows",
    )
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", module=r"(torch|fastai)\.")  # theirs, not the user's
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe = RECIPES[options.recipe]
    run = options.run or Path("runs") / recipe.name
    if options.source and (Path(options.source) / "pairs.csv").exists():
        run, options.source = Path(options.source), None
    try:
        # Imported here: a typing error on the command line should not wait for torch.
        from .distributed import choose_gpu, is_only
        from .record import check_recipe, recorded

        choose_gpu()
        if not is_only() and options.step not in ("generator", "critic", "gan"):
            raise ColouriserError(f"{options.step} runs in one process; start it alone")
        check_recipe(recipe, run)
        for step in STEPS if options.step == "all" else [options.step]:
            with recorded(step, recipe, run, options.start if step == "generator" else None):
                _run_step(step, options, recipe, run)
    except ColouriserError as error:
        sys.stderr.write(f"error: {error}\n")
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


def _run_step(step: str, options: argparse.Namespace, recipe: Recipe, run: Path) -> None:
    if step == "prepare":
        from .prepare import prepare

        prepare(recipe, run, options.images, options.splits)
    elif step == "generator":
        from .generator import train_generator

        train_generator(recipe, run, options.encoder_weights, options.start)
    elif step == "critic":
        from .critic import train_critic

        train_critic(recipe, run, options.encoder_weights)
    elif step == "gan":
        from .gan import train_gan

        train_gan(recipe, run, options.encoder_weights)
    elif step == "evaluate":
        from .evaluate import evaluate

        others = dict(_name_and_folder(text) for text in options.compare)
        path = evaluate(recipe, run, options.split, options.source, others)
        log.info("%s\n%s", path, path.read_text())
    else:
        from .figures import figures

        for path in figures(recipe, run, options.split):
            log.info("%s", path)


def _name_and_folder(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if not name or not Path(folder).is_dir() or not folder:
        raise ColouriserError(f"--compare {text}: give NAME=FOLDER with a folder of images")
    return name, Path(folder)


if __name__ == "__main__":
    sys.exit(main())
