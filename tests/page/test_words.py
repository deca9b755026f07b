"""What the page says, in each language."""

import ast
import json
import re
from pathlib import Path

import gradio as gr

from colouriser import PhotoError
from colouriser.page.words import ERRORS, TEXTS, VIEWER, to_gradio_error, translate

from ..conftest import ROOT

KINDS = {"ColouriserError", "HintError", "PhotoError", "ModelError", "SettingError", "FilmError"}
ELSEWHERE = {
    "archive",
    "web",
    "cutlist.py",
    "keyframes.py",
    "frames.py",
}  # what the command line alone does


def fields(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)", text))


def sentences() -> dict[str, set[str]]:
    """The codes of all errors that may reach the page, and the values that each has."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "colouriser").rglob("*.py"):
        if ELSEWHERE & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KINDS:
                match node.args:
                    case [ast.Constant(value=str(code)), *_]:
                        values = {keyword.arg or "" for keyword in node.keywords}
                        found[code] = found.get(code, values) & values
    return found


def test_texts_are_complete_in_all_languages() -> None:
    assert set(TEXTS["de"]) == set(TEXTS["en"])
    for key, text in TEXTS["en"].items():
        assert fields(TEXTS["de"][key]) == fields(text), key


def test_every_error_of_the_library_has_its_german() -> None:
    codes = sentences()
    assert len(codes) > 30
    assert set(ERRORS["de"]) == set(codes)
    for code, sentence in ERRORS["de"].items():
        assert fields(sentence) <= codes[code], code


def test_errors_are_said_in_the_browsers_language() -> None:
    error = PhotoError("too_many", "more than {most} photographs; give them in parts", most=500)
    german = gr.Request(headers={"accept-language": "de-DE,de;q=0.9,en;q=0.8"})
    assert (
        translate(error.of("a.zip"), german) == "a.zip: mehr als 500 Fotos; geben Sie sie in Teilen"
    )
    for headers in ({}, {"accept-language": "fr"}, {"accept-language": "\x00" * 5000}):
        other = gr.Request(headers=headers)
        assert translate(error, other) == "a.zip: more than 500 photographs; give them in parts"


def test_names_from_outside_are_no_markup() -> None:
    error = PhotoError("not_an_image", "no image").of("![t](http://host/x)<img src=//host/y>.jpg")
    message = str(to_gradio_error(error, None).message)
    assert "<" not in message
    assert "&lt;img" in message


def texts_in(folder: Path) -> dict[str, dict[str, str]]:
    return {path.stem: json.loads(path.read_text()) for path in (folder / "texts").iterdir()}


def test_each_text_is_in_one_file_of_each_language() -> None:
    page, viewer = texts_in(ROOT / "colouriser" / "page"), texts_in(VIEWER)
    script = (VIEWER / "words.js").read_text()
    assert set(page) == set(viewer) == set(re.findall(r'"(\w\w)"', script))
    for language in page:
        assert not set(page[language]) & set(viewer[language])


def test_the_viewer_has_all_its_words_and_no_others() -> None:
    modules = ("viewer.html", "viewer.js", "session.js", "words.js", "../page/answerer.js")
    html, *scripts = ((VIEWER / name).read_text() for name in modules)
    script = "".join(scripts)
    wanted = set(re.findall(r'data-(?:text|name)="(\w+)"', html))
    asked = r'(?:texts\.|say\("|Failure\("|status\("|#work\(state, "|"choose" : ")(\w+)'
    wanted |= set(re.findall(asked, script))
    wanted |= {"red", "brown", "orange", "yellow", "green", "turquoise", "blue", "violet", "pink"}
    wanted |= {"grey_", "light", "dark"}  # which colourName puts together
    known = texts_in(VIEWER)
    wanted |= {f"has_{kind}" for kind in ("tinted", "negative", "colour")}
    wanted |= {f"do_{wish}" for wish in ("invert", "keep_tints", "recolour")}
    wanted |= {key for key in known["en"] if key.startswith("example_")}
    wanted |= {"several", "unlike"}  # what answers say of a file
    assert wanted == set(known["en"]) == set(known["de"])
    for key, text in known["en"].items():
        assert fields(known["de"][key]) == fields(text), key
