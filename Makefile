# make app          the page on http://127.0.0.1:7860
# make web          the browser edition, in runs/web, on http://127.0.0.1:8000
# make test         format, lint, types and tests, as CI runs them
# make test-fast    the tests that take less than a minute together
# make mutants      the readers on 80,000 damaged files
# make hub-demo     retrain and republish, with a Hub on this computer
# make screenshots  those of docs/, anew
# make container    the Dockerfile's steps, replayed without a container engine (root, Linux)
#
# TORCH=cpu on the first call takes a torch without CUDA, which needs 3 GB less.

PYTHON ?= python3
BIN := .venv/bin
TORCH ?= default
BOTH_CORES := -n 2 --dist loadfile --no-loadscope-reorder --durations 30  # see tests/conftest.py
FAILED := --last-failed --last-failed-no-failures none  # alone, since two at once may take too long
CPU := https://download.pytorch.org/whl/cpu

# Or two tests at once would be several times slower: threads of torch wait for each other.
export OMP_WAIT_POLICY := PASSIVE

.PHONY: app web test test-fast mutants hub-demo screenshots container

app: .venv/app
	$(BIN)/python app.py

web: .venv/web
	$(BIN)/colouriser web runs/web
	$(BIN)/python -m http.server --directory runs/web --bind 127.0.0.1 8000

test: .venv/test .venv/browser node_modules/.package-lock.json
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/node node_modules/eslint/bin/eslint.js colouriser tests
	$(BIN)/node node_modules/typescript/bin/tsc
	$(BIN)/node --test tests/viewer/*.test.js
	$(BIN)/python -m pytest $(BOTH_CORES) || $(BIN)/python -m pytest $(FAILED)

test-fast: .venv/test
	$(BIN)/python -m pytest -m "not slow"

mutants: .venv/test
	MUTANTS=3000 $(BIN)/python -m pytest tests/photo/test_mutated.py

# Chromium: the machine's own, Debian's, or else Playwright's.
.venv/browser: .venv/test
	command -v chromium || { [ "$$(id -u)" = 0 ] && apt-get update && apt-get install -y chromium; } \
		|| $(BIN)/playwright install --with-deps chromium
	touch $@

node_modules/.package-lock.json: package-lock.json .venv/test
	$(BIN)/npm ci --no-audit --no-fund
	touch $@

screenshots: .venv/test .venv/browser
	$(BIN)/python -m tests.screenshots

container: .venv/test
	$(BIN)/python -m tests.container

hub-demo: .venv/test
	$(BIN)/python -m tests.hub_demo

.venv/bin/python:
	$(PYTHON) -m venv .venv
ifeq ($(TORCH),cpu)
	$(BIN)/python -m pip install torch torchvision --index-url $(CPU)
endif

.venv/app: pyproject.toml requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install -r requirements.txt -e '.[page,film]'
	touch $@

.venv/web: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install -e '.[web]'
	touch $@

# Without compiling all of it, which takes a minute: most is never imported.
.venv/test: pyproject.toml requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --no-compile -r requirements.txt -e '.[page,archive,film,web,train,test]'
	touch $@
