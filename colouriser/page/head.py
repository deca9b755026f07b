"""What links to the page show of it: title, sentence and picture (Open Graph, https://ogp.me)."""

import html
import os
import re
from pathlib import Path

from starlette.datastructures import URL, MutableHeaders
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .words import TEXTS

PICTURE = Path(__file__).parent / "preview.jpg"  # made by `make screenshots`
ROOT_PATH = (
    "GRADIO_ROOT_PATH"  # environment variable of gradio: the path below which a proxy serves
)
THEIRS = re.compile(rb'<meta\s+(?:property="og:|name="(?:twitter|description))[^>]*>')


class Head:
    """Replaces gradio's own title, sentence and picture by ours. ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
        elif path == f"/{PICTURE.name}":
            await FileResponse(PICTURE)(scope, receive, send)
        elif path != "/":
            await self.app(scope, receive, send)
        else:
            await self._page(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = b""

        async def changed(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message  # it is sent when the body's new length is known
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            headers = MutableHeaders(raw=start["headers"])
            if headers.get("content-type", "").startswith("text/html"):
                body = THEIRS.sub(b"", body).replace(b"</head>", tags(scope) + b"</head>", 1)
                if scope["method"] == "GET":
                    headers["content-length"] = str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, changed)


def tags(scope: Scope) -> bytes:
    """The tags of the page at the address that it was asked for by."""
    forwarded = dict(scope["headers"]).get(b"x-forwarded-proto", b"").decode("latin-1")
    try:
        address = URL(scope=scope).replace(query="", fragment="")
        if forwarded in ("http", "https"):
            address = address.replace(scheme=forwarded)
        prefix = os.environ.get(ROOT_PATH, "").strip().rstrip("/")
        if prefix.startswith(("http://", "https://")):
            address = URL(f"{prefix}/")
        elif prefix and not address.path.startswith(f"{prefix}/"):  # a proxy took it off
            address = address.replace(path=f"{prefix}{address.path}")
    except ValueError:  # a Host that is none
        address = URL("/")
    words = TEXTS["en"]
    values = {
        "og:type": "website",
        "og:title": words["title"],
        "og:description": words["intro"],
        "og:url": str(address),
        "og:image": f"{str(address).rstrip('/')}/{PICTURE.name}",
        "twitter:card": "summary_large_image",
        "description": words["intro"],
    }
    return "".join(
        f'<meta {"property" if name.startswith("og:") else "name"}="{name}" '
        f'content="{html.escape(value)}">'
        for name, value in values.items()
    ).encode()
