# make app          the page on http://127.0.0.1:7860
# make test         format, lint, types and tests, as CI runs them
# make hub-demo     retrain and republish, with a Hub on this computer
# make screenshots  those of docs/, anew

PYTHON ?= python3
BIN := .venv/bin

.PHONY: app test hub-demo screenshots

app: .venv/app
	$(BIN)/python app.py

test: .venv/test .venv/browser
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

# Chromium: the machine's own, Debian's, or else Playwright's.
.venv/browser: .venv/test
	command -v chromium || { [ "$$(id -u)" = 0 ] && apt-get update && apt-get install -y chromium; } \
		|| $(BIN)/playwright install --with-deps chromium
	touch $@

screenshots: .venv/test .venv/browser
	$(BIN)/python -m tests.screenshots

hub-demo: .venv/test
	$(BIN)/python -m tests.hub_demo

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/app: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install -r requirements.txt
	touch $@

.venv/test: .venv/app train/requirements.txt tests/requirements.txt
	$(BIN)/python -m pip install -r train/requirements.txt -r tests/requirements.txt
	touch $@
