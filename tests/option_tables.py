"""Writes the command line's options into the documents: python -m tests.option_tables."""

import re
from pathlib import Path
from typing import Any

from typer.main import get_command

from colouriser.__main__ import program

from .conftest import ROOT

# Documents, and the commands whose options stand in them, between two comments.
TABLES = {
    "docs/how-it-works.md": ("colour",),
    "docs/archive.md": ("archive",),
    "docs/film.md": ("film",),
}


def options(command: str) -> dict[str, str]:
    """A command's options and what `--help` says of each."""
    group: Any = get_command(program)
    return {
        ", ".join(f"`{name}`" for name in parameter.opts): parameter.help
        for parameter in group.commands[command].params
        if parameter.param_type_name == "option" and parameter.help
    }


def table(command: str) -> str:
    """A command's options in Markdown; those that `colour` has, too, are only named."""
    known = options("colour").items() if command != "colour" else set()
    own = [item for item in options(command).items() if item not in known]
    shared = [names for names, help in options(command).items() if (names, help) in known]
    rows = [f"| {names} | {help} |" for names, help in own]
    if shared:
        rows.append(f"| {', '.join(shared)} | [as of `colour`](how-it-works.md#the-command-line) |")
    return "\n".join(["| option | what it does |", "|---|---|", *rows])


def with_tables(text: str, commands: tuple[str, ...]) -> str:
    """A document with these tables as they are now.

    Raises:
        ValueError: it has no place for one.
    """
    for command in commands:
        start, end = f"<!-- options of {command} -->\n", "\n<!-- end -->"
        text, count = re.subn(
            f"({re.escape(start)}).*?({end})",
            lambda found: found[1] + table(command) + found[2],  # noqa: B023
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"no place for the options of {command}")
    return text


def main() -> None:
    for name, commands in TABLES.items():
        path = Path(ROOT / name)
        path.write_text(with_tables(path.read_text(encoding="utf-8"), commands), encoding="utf-8")


if __name__ == "__main__":
    main()
