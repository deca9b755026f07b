"""What links to the page show of it."""

import re

import pytest

from colouriser.page.head import tags

SCOPE = {
    "type": "http",
    "scheme": "http",
    "server": ("127.0.0.1", 7860),
    "path": "/",
    "query_string": b"",
    "headers": [(b"host", b"photos.example"), (b"x-forwarded-proto", b"https")],
}


@pytest.mark.parametrize(
    ("prefix", "picture"),
    [
        ("", "https://photos.example/preview.jpg"),
        ("/colour", "https://photos.example/colour/preview.jpg"),
        ("/colour/", "https://photos.example/colour/preview.jpg"),
        ("https://other.example/a", "https://other.example/a/preview.jpg"),
    ],
)
def test_the_picture_is_where_a_proxy_serves_it(
    prefix: str, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_ROOT_PATH", prefix)
    found = re.search(r'og:image" content="([^"]*)"', tags(SCOPE).decode())
    assert found
    assert found[1] == picture
