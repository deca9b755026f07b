"""Create or update a Hugging Face Space that shows a published model: the app, or the browser
edition, which is static."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, SpaceHardware
from huggingface_hub.repocard import metadata_load, metadata_save

from colouriser.hub import CONFIG, WEIGHTS, load, resolve

from ..run import TrainingError
from .publish import files, hub_errors

ZERO_PYTHON = "3.12.12"  # of those that ZeroGPU has
ROOT = Path(__file__).parents[2]
NEEDED = ("app.py", "requirements.txt", "LICENSE", "colouriser/**/*", "examples/*")


@dataclass(frozen=True)
class Space:
    """Which Space shows which model."""

    repository: str  # owner/name of the Space
    model: str  # owner/name@revision
    private: bool = False
    hardware: str | None = None  # as the Hub calls it, "zero-a10g" or "t4-small"; a CPU
    static: bool = False  # the browser edition, which needs no hardware


def write_folder(space: Space, folder: Path) -> Path:
    """Write the files of a Space into a folder: the app or the browser edition, and a README whose
    front matter configures the Space.

    Raises:
        TrainingError: the model cannot be had or used, or there is no such hardware.
    """
    if space.static:
        return _write_static(space, folder)
    if space.hardware is not None and space.hardware not in {h.value for h in SpaceHardware}:
        names = ", ".join(h.value for h in SpaceHardware)
        raise TrainingError(f"no hardware {space.hardware}; the Hub has {names}")
    model = resolve(space.model)
    load(model)  # a model that cannot be used should not get a Space
    if model.commit is None:
        raise TrainingError(f"{space.model} is not on the Hub; publish it first")
    shutil.rmtree(folder, ignore_errors=True)
    for pattern in NEEDED:
        for source in ROOT.glob(pattern):
            if source.is_file() and "__pycache__" not in source.parts:
                target = folder / source.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    repository = space.model.partition("@")[0]
    front = metadata_load(ROOT / "README.md") or {}
    front |= {"sdk_version": gradio_version(), "models": [repository]}
    if space.hardware == SpaceHardware.ZERO_A10G:
        front["python_version"] = ZERO_PYTHON
    # Downloaded when the Space is built, so that it starts at once.
    front["preload_from_hub"] = [f"{repository} {CONFIG},{WEIGHTS} {model.commit}"]
    (folder / "README.md").write_text(TEXT.format(model=space.model, repository=repository))
    metadata_save(folder / "README.md", front)
    return folder


def _write_static(space: Space, folder: Path) -> Path:
    from colouriser.web.build import build

    if space.hardware is not None:
        raise TrainingError("a static Space has no hardware; leave --hardware or --static out")
    if resolve(space.model).commit is None:
        raise TrainingError(f"{space.model} is not on the Hub; publish it first")
    build(folder, space.model)
    repository = space.model.partition("@")[0]
    front = metadata_load(ROOT / "README.md") or {}
    shared = {name: front[name] for name in SHARED if name in front}
    text = TEXT.format(model=space.model, repository=repository) + STATIC_TEXT
    (folder / "README.md").write_text(text)
    metadata_save(folder / "README.md", shared | STATIC | {"models": [repository]})
    return folder


def publish_space(space: Space, folder: Path) -> str:
    """Create or update a Space from a folder that `write_folder` wrote; returns its address.

    Raises:
        TrainingError: the Hub refuses.
    """
    api, repository = HfApi(), space.repository
    with hub_errors(repository, {402: PAID}):
        url = api.create_repo(
            repository,
            repo_type="space",
            space_sdk="static" if space.static else "gradio",
            private=space.private or None,
            exist_ok=True,
            # At once: an account without a plan may make none that begins on a CPU.
            space_hardware=SpaceHardware(space.hardware) if space.hardware else None,
        )
        if not space.static:  # before the files: they start the Space
            api.add_space_variable(repository, "COLOURISER_MODEL", space.model)
        own = files(folder)
        there = api.list_repo_files(repository, repo_type="space")
        gone = [name for name in there if name not in own and name != ".gitattributes"]
        api.create_commit(
            repository,
            [
                *(CommitOperationAdd(name, folder / name) for name in own),
                *(CommitOperationDelete(name) for name in gone),
            ],
            commit_message=f"Show {space.model}",
            repo_type="space",
        )
        if space.hardware is not None:
            api.request_space_hardware(repository, SpaceHardware(space.hardware))
    return str(url)


def gradio_version() -> str:
    """The version of gradio that requirements.txt pins."""
    found = re.search(r"^gradio\S*==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    if not found:
        raise TrainingError("requirements.txt does not pin gradio; write gradio==VERSION")
    return found[1]


PAID = (
    "a Gradio Space on a CPU needs a paid plan (PRO); without one, make a static Space with "
    "--static, which is free, or ask for ZeroGPU with --hardware zero-a10g, of which a free "
    "account may have two"
)
SHARED = ("title", "emoji", "colorFrom", "colorTo", "license", "short_description")
STATIC = {
    "sdk": "static",
    "app_file": "index.html",
    "custom_headers": {  # without them a page has no threads
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-resource-policy": "cross-origin",
    },
}
TEXT = """# Colouriser

Colour for black-and-white photographs, with the model
[{model}](https://huggingface.co/{repository}). Colours are plausible, not true.
"""
STATIC_TEXT = """
It runs in the visitor's browser, where the photographs stay. The licence above is the code's; the
model's own lies in `licences/`.
"""
