"""The viewer's files, as the page serves them."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from colouriser.page.viewer import STATIC, Revalidate


@pytest.mark.parametrize(
    ("path", "wanted"),
    [("viewer/viewer.js", "no-cache"), ("viewer/texts/en.json", "no-cache"), ("a.jpg", "private")],
)
def test_browsers_ask_for_modules_anew(path: str, wanted: str) -> None:
    def serve(request: Request) -> PlainTextResponse:
        return PlainTextResponse("", headers={"cache-control": "private"})

    app = Starlette(routes=[Route("/{path:path}", serve)], middleware=[Middleware(Revalidate)])
    answer = TestClient(app).get(f"/gradio_api/file=/colouriser/{path}")
    assert answer.headers["cache-control"] == wanted


def test_what_is_served_is_the_viewer_alone() -> None:
    folder, answerer = STATIC
    assert answerer.suffix == ".js"
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert kinds == {".js", ".css", ".html", ".json", ".md"}
