"""Train a generator: `python -m train STEP`.

    prepare     photographs -> pairs of greyscale and colour, with splits
    generator   stage 1: pixel loss, from ImageNet weights
    critic      stage 2: tell generated photographs from real ones
    gan         stage 3: both against each other
    evaluate    metrics and three-column figures
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

from .recipes import RECIPES, record

STEPS = ("prepare", "generator", "critic", "gan", "evaluate")


def main(arguments: list[str] | None = None) -> int:
    """Run a step; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("step", choices=[*STEPS, "all"])
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
        "--split",
        choices=["train", "valid", "test"],
        default="test",
        help="what evaluate measures (default: test)",
    )
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", module=r"(torch|fastai)\.")  # theirs, not the user's
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe = RECIPES[options.recipe]
    run = options.run or Path("runs") / recipe.name
    try:
        record(recipe, run)
        for step in STEPS if options.step == "all" else [options.step]:
            _run_step(step, options, run)
    except ColouriserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; start the step again to go on from its last epoch\n")
        return 130
    return 0


def _run_step(step: str, options: argparse.Namespace, run: Path) -> None:
    recipe = RECIPES[options.recipe]
    # Imported here: a typing error on the command line should not wait for fastai.
    if step == "prepare":
        from .prepare import prepare

        prepare(recipe, run, options.images, options.splits)
    elif step == "generator":
        from .generator import train_generator

        train_generator(recipe, run, options.encoder_weights)
    elif step == "critic":
        from .critic import train_critic

        train_critic(recipe, run)
    elif step == "gan":
        from .gan import train_gan

        train_gan(recipe, run)
    else:
        from .evaluate import evaluate

        logging.getLogger(__name__).info("%s", evaluate(recipe, run, options.split).read_text())


if __name__ == "__main__":
    sys.exit(main())
