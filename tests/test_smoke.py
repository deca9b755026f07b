"""Each entrance once, in this process, within seconds: what make test-fast knows of them."""

import json
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from PIL import Image
from typer.testing import CliRunner

from colouriser.__main__ import program
from colouriser.follow import ModelFollower
from colouriser.page import build, launch


def test_the_command_line(cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / "cat.jpg")
    result = CliRunner().invoke(
        program, ["colour", str(tmp_path / "cat.jpg"), "-o", str(tmp_path / "out")]
    )
    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == "1 coloured, 0 skipped, 0 failed"
    with Image.open(tmp_path / "out" / "cat.jpg") as image:
        assert (image.mode, image.size) == ("RGB", cat.size)


def test_the_page_and_its_api(cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / "cat.jpg")
    demo = build(ModelFollower(None, cat))
    try:
        url = launch(demo, prevent_thread_lock=True, quiet=True)
        client = Client(url, verbose=False)
        result = client.predict(handle_file(tmp_path / "cat.jpg"), api_name="/colourise")
        with Image.open(result) as image:
            assert (image.mode, image.size) == ("RGB", cat.size)
        likely = client.predict(handle_file(tmp_path / "cat.jpg"), 60, 200, api_name="/suggest")
        assert len(likely) == 5
        assert json.dumps(likely[0]).startswith('{"colour": "#')
    finally:
        demo.close()


@pytest.mark.parametrize("arguments", [["colour"], ["archive", "--help"], ["nothing"]])
def test_help_and_mistakes_are_no_tracebacks(arguments: list[str]) -> None:
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code in (0, 2)
    assert "Traceback" not in result.output
