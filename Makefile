# Two commands on a fresh machine with Python 3.11 or later: `make run`, `make test`. The others are for those who change it.
.PHONY: run test lint fmt notes docs screenshots bench bench-rules bench-fhir bench-claims bench-workbook chromium clean
SHELL := /bin/bash
.DELETE_ON_ERROR:

DATA ?= sample_data
PORT ?= 8501
BIN := .venv/bin
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)

run: .venv/ready  ## the dashboard; DATA=folder for other records, LAYOUTS=folder of your layouts of exports, PORT=number
	$(BIN)/compliance app $(DATA) --port $(PORT) $(if $(LAYOUTS),--layouts $(LAYOUTS))

test: .venv/ready lint chromium  ## everything that must hold
	$(BIN)/pytest

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/ty check
	$(BIN)/lint-imports

fmt: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

notes: .venv/ready  ## how well notes are read, against a file of labelled notes
	$(BIN)/python -m compliance.notes.measure $(NOTES)

docs: .venv/ready  ## the pages that are written from the code
	$(BIN)/python -m compliance.rulebook
	$(BIN)/python -m compliance.records.dictionary > docs/records.md

screenshots: .venv/ready chromium  ## each page, light and dark, in both sizes, into docs/screenshots
	$(BIN)/python -m tests.browser.screenshots $(DATA)

bench: .venv/ready  ## seconds and memory on synthetic records
	$(BIN)/python -m benchmarks.spine

bench-rules: .venv/ready  ## every rule against five checks written by hand, on a million lines
	$(BIN)/python -m benchmarks.rules

bench-fhir: .venv/ready  ## resources a second of FHIR claims, beside plain json and fhir.resources
	$(BIN)/python -m benchmarks.fhir

bench-claims: .venv/ready  ## claims a second of claim files, beside the libraries that were not chosen
	$(BIN)/python -m benchmarks.claim_files

bench-workbook: .venv/ready  ## seconds and memory of a workbook of 300,000 rows, beside the same CSV
	$(BIN)/python -m benchmarks.workbook

# The environment follows the lock; pip refuses anything whose hash the lock does not hold.
.venv/ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed (none found on the PATH)." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "The environment could not be made; on Debian, install python3-venv." >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Browser tests use the system's Chromium. Where it can neither be found nor installed they are skipped, and this says so.
chromium:
	@command -v chromium chromium-browser >/dev/null || test -n "$$CHROMIUM" || { \
		if test "$$(id -u)" = 0; then apt=apt-get; else apt="sudo -n apt-get"; fi; \
		echo "Installing Chromium for the browser tests …"; \
		{ $$apt update -qq && DEBIAN_FRONTEND=noninteractive $$apt install -qq -y --no-install-recommends chromium; } >/dev/null 2>&1; \
		} || { \
		echo; echo "*** THE BROWSER TESTS WILL BE SKIPPED: no Chromium was found, and it could not be installed here."; \
		echo "*** Install it with: sudo apt-get install chromium   (or set CHROMIUM to a browser's path)"; echo; }

clean:
	rm -rf .venv dist build .pytest_cache .ruff_cache .hypothesis .import_linter_cache
