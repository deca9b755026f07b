"""The surroundings of all tests, set before anything reads them."""

import os
import socket
import tempfile

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    HUB_PORT = free.getsockname()[1]
# Before huggingface_hub reads them: a Hub of our own, which is down unless a test starts it.
os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{HUB_PORT}"
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="hf-home-")
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  # 15 would starve its workers
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="page-")
# Two processes that look for a free port in one range may take the same.
PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
os.environ["GRADIO_SERVER_PORT"] = str(7860 + 100 * PROCESS)
for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "COLOURISER_MODEL"):
    os.environ.pop(name, None)
