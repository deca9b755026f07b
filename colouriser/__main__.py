"""Colour photographs: python -m colouriser photo.jpg scans/ -o coloured/

Folders are searched for photographs, recursively. File names and formats are kept (formats that
cannot be written become PNG, photo.gif.png). What is done already is skipped; a bad file does not
stop the rest.
The exit code is 0 if all went well, 1 if any photograph failed, 2 for a wrong command line.
"""

import argparse
import logging
import os
import sys
import warnings
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from .errors import ColouriserError
from .photo import mark, read, suffixes, writable, write
from .pipeline import (
    DETAIL,
    DETAIL_RANGE,
    TEMPERATURE_RANGE,
    VIVIDNESS_RANGE,
    Colouriser,
    check_range,
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    logging.basicConfig(format="warning: %(message)s")
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters becomes an error
    jobs, problems = _plan(options.photos, options.output)
    try:
        colouriser = Colouriser.load(options.model)
    except ColouriserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    for problem in problems:
        sys.stderr.write(f"error: {problem}\n")
    counts = Counter(failed=len(problems))
    bar = tqdm(jobs.items(), desc="colour", unit="photo", disable=None if len(jobs) > 1 else True)
    for target, source in bar:
        if os.path.exists(target) and not options.overwrite:
            counts["skipped"] += 1
            continue
        try:
            photo = read(source, name=str(source))
            colour = colouriser.colourise(
                photo.luma,
                detail=options.detail,
                vividness=options.vividness,
                temperature=options.temperature,
            )
            write(mark(colour) if options.mark else colour, target, photo, options.keep_position)
            counts["coloured"] += 1
        except ColouriserError as error:
            counts["failed"] += 1
            tqdm.write(f"error: {error}", file=sys.stderr)
    summary = ", ".join(f"{counts[what]} {what}" for what in ("coloured", "skipped", "failed"))
    sys.stderr.write(f"{summary}\n")
    return 1 if counts["failed"] else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m colouriser",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("photos", nargs="+", type=Path, help="photographs and folders of them")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the results")
    parser.add_argument(
        "--overwrite", action="store_true", help="colour again what is done already"
    )
    parser.add_argument(
        "--detail",
        type=int,
        default=DETAIL,
        help="size the generator sees, 64 to 1024 (default: 256)",
    )
    parser.add_argument(
        "--vividness", type=float, default=1.0, help="strength of colour, 0 to 4 (default: 1)"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.0,
        help="of all colours, from -1 (bluish) to 1 (yellowish) (default: 0)",
    )
    parser.add_argument(
        "--keep-position", action="store_true", help="keep where it was taken (GPS)"
    )
    parser.add_argument(
        "--mark", action="store_true", help="write into a corner that the colour was added"
    )
    parser.add_argument(
        "--model", help="folder or Hub repository owner/name@revision; bundled weights unless given"
    )
    options = parser.parse_args(arguments)
    try:
        check_range("--detail", options.detail, DETAIL_RANGE)
        check_range("--vividness", options.vividness, VIVIDNESS_RANGE)
        check_range("--temperature", options.temperature, TEMPERATURE_RANGE)
    except ColouriserError as error:
        parser.error(str(error))
    if os.path.exists(options.output) and not os.path.isdir(options.output):
        parser.error(f"--output must be a folder; {options.output} is a file")
    return options


def _plan(photos: list[Path], output: Path) -> tuple[dict[Path, Path], list[str]]:
    """Which file is written from which (target -> source), and what is wrong with the rest."""
    jobs: dict[Path, Path] = {}
    problems: list[str] = []
    for given in photos:
        if not os.path.isdir(given):
            sources = [given]
        else:
            sources = _search(given, output)
            if not sources:
                problems.append(f"{given}: no photographs in this folder; check the name")
        for source in sources:
            target = output / (source.relative_to(given) if source != given else source.name)
            if not writable(target):
                target = target.with_name(f"{target.name}.png")
            if os.path.realpath(target) == os.path.realpath(source):
                problems.append(f"{source}: would be overwritten; choose another output folder")
            elif jobs.setdefault(target, source) != source:
                problems.append(
                    f"{source}: {jobs[target]} has the same name; use another output folder"
                )
    return jobs, problems


def _search(folder: Path, output: Path) -> list[Path]:
    """Photographs in a folder, but for those in an output folder inside it."""
    endings = suffixes()
    found = [Path(top, file) for top, _, files in os.walk(folder) for file in files]
    found = [path for path in found if path.suffix.lower() in endings]
    inside = os.path.relpath(os.path.realpath(output), os.path.realpath(folder))
    if inside != "." and not inside.startswith(".."):
        found = [path for path in found if not path.is_relative_to(folder / inside)]
    return sorted(found)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; start it again to go on with the rest\n")
        sys.exit(130)
