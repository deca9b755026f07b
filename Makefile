# make app    the page on http://127.0.0.1:7860
# make test   format, lint, types and tests, as CI runs them

PYTHON ?= python3
BIN := .venv/bin

.PHONY: app test

app: .venv/app
	$(BIN)/python app.py

test: .venv/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/app: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install -r requirements.txt
	touch $@

.venv/test: .venv/app train/requirements.txt tests/requirements.txt
	$(BIN)/python -m pip install -r train/requirements.txt -r tests/requirements.txt
	touch $@
