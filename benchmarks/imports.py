"""How long importing takes, against another commit's: medians of rounds in turns.

git worktree add ../before COMMIT
python -m benchmarks.imports ../before
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
STATEMENTS = ("import colouriser", "from colouriser import Colouriser")


def seconds(statement: str, folder: Path) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], cwd=folder, check=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, help="a checkout of the other commit")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print("| | before s | now s | now, of before |\n|---|---|---|---|")
    for statement in STATEMENTS:
        pairs = [
            (seconds(statement, options.before), seconds(statement, ROOT))
            for _ in range(options.rounds + 1)
        ][1:]  # the first reads all from disk
        before, now = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"| `{statement}` | {before:.2f} | {now:.2f} | {now / before:.2f} |")


if __name__ == "__main__":
    main()
