# The page in a container: docker build -t colouriser . && docker run --read-only --tmpfs /tmp -p 7860:7860 colouriser
# `make container` replays these steps where no container engine is at hand.
FROM python:3.12-slim
WORKDIR /src
COPY pyproject.toml requirements.txt README.md LICENSE ./
COPY colouriser colouriser
COPY examples examples
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu -r requirements.txt '.[page]'
WORKDIR /tmp
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 TMPDIR=/tmp HF_HOME=/tmp/huggingface PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 7860
HEALTHCHECK --start-period=60s CMD python -c "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"GRADIO_SERVER_PORT\"]}/', timeout=5)"
CMD ["colouriser", "page"]
