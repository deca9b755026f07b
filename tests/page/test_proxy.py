"""The page behind nginx, below a path, as docs/hosting.md says it; two with sticky sessions."""

import getpass
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from gradio_client import Client, handle_file
from PIL import Image
from playwright.sync_api import Browser

from ..browser import coloured, running_page, upload
from ..conftest import ROOT

NGINX = shutil.which("nginx")
CONFIG = """
daemon off; user {user}; error_log stderr; pid {folder}/pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/a; uwsgi_temp_path {folder}/b; scgi_temp_path {folder}/c;
    upstream pages {{ ip_hash; {servers} }}
    server {{ listen 127.0.0.1:{port}; {location} }}
}}
"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(NGINX is None, reason="no nginx here")]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address below which nginx serves two pages."""
    folder = tmp_path_factory.mktemp("nginx")
    text = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
    location = re.search(r"    location /colour/ \{.*?\n    \}\n", text, re.DOTALL)
    assert location
    with socket.socket() as free, pytest.MonkeyPatch.context() as patch:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        patch.setenv("GRADIO_ROOT_PATH", "/colour")
        with running_page(folder / "one") as one, running_page(folder / "two") as two:
            hosts = [urlsplit(page).netloc for page in (one, two)]
            config = CONFIG.format(
                folder=folder,
                user=getpass.getuser(),
                port=port,
                servers=" ".join(f"server {host};" for host in hosts),
                location=location[0].replace("127.0.0.1:7860", "pages"),
            )
            (folder / "nginx.conf").write_text(config)
            free.close()
            nginx = subprocess.Popen([str(NGINX), "-p", folder, "-c", folder / "nginx.conf"])
            try:
                yield f"http://127.0.0.1:{port}/colour/"
            finally:
                nginx.terminate()
                nginx.wait()


def test_the_api_works_behind_a_proxy(proxied: str, tmp_path: Path) -> None:
    ends = time.monotonic() + 30
    while True:
        try:
            client = Client(proxied, verbose=False, download_files=str(tmp_path))
            break
        except OSError:
            assert time.monotonic() < ends
            time.sleep(0.2)
    path = client.predict(handle_file(ROOT / "examples" / "cat.jpg"), api_name="/colourise")
    with Image.open(path) as result, Image.open(ROOT / "examples" / "cat.jpg") as grey:
        assert (result.mode, result.size) == ("RGB", grey.size)


def test_the_viewer_works_behind_a_proxy(proxied: str, browser: Browser) -> None:
    page = browser.new_page()
    failed = list[str]()
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    page.goto(proxied)
    coloured(page)
    upload(page, ROOT / "examples" / "coffee.jpg")
    page.close()
    assert not failed
