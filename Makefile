# Everything a person or a machine does with the project. `make run` is the one to start with.
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
JOBS ?= 3
.DEFAULT_GOAL := run
.PHONY: run setup geo tracker test test-services test-browser test-heavy check lock bench bench-ingest bench-query bench-redirect bench-pages bench-uptime clean

run: setup                  ## migrate both stores, make a demo account on the first start, serve
	$(PY) manage.py serve

setup: $(STAMP) geo         ## virtual environment, locked dependencies, geography databases when npm is there

$(STAMP): requirements.lock
	test -x $(PY) || python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

geo: $(STAMP)
	-$(PY) -m tracking.data.fetch

tracker: $(STAMP)           ## minify static/tracker/src
	cd static/tracker && npm ci --silent --no-audit --no-fund && npm run --silent build

test: $(STAMP)              ## the whole suite on the embedded defaults
	$(PY) -m pytest -n $(JOBS) --dist loadfile -q

test-services: $(STAMP)     ## the same product on PostgreSQL, Redis and a two-shard ClickHouse
	$(PY) -m tests.services.run

test-browser: $(STAMP)      ## real Chromium
	command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium >/dev/null)
	$(PY) -m pytest -q -m browser tests/browser

test-heavy: $(STAMP)        ## floods, kill -9, stores taken away, full disks; many more random questions
	$(PY) -m pytest -q --hypothesis-profile thorough tests/reports/query/test_random_queries.py
	$(PY) -m pytest -q -m heavy --timeout 1200 tests

check: $(STAMP)             ## style, types, architecture, migrations, deploy checks
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy .
	$(PY) -m pytest -q tests/test_architecture.py
	$(PY) manage.py makemigrations --check --dry-run
	SECRET_KEY=$$($(PY) -c "import secrets; print(secrets.token_urlsafe(60))") BASE_URL=https://footfall.example ALLOWED_HOSTS=footfall.example $(PY) manage.py check --deploy --fail-level ERROR

lock:                       ## resolve the dependencies again
	$(PY) -m uv pip compile -q --universal --python-version 3.11 --group dev pyproject.toml -o requirements.lock --generate-hashes

bench: bench-ingest bench-query bench-redirect bench-pages bench-uptime

bench-ingest bench-query bench-redirect bench-pages bench-uptime: bench-%: $(STAMP)
	command -v wrk >/dev/null || (apt-get update -qq && apt-get install -y -qq wrk >/dev/null)
	$(PY) -m tests.bench.$*

clean:
	rm -rf $(VENV) var node_modules .mypy_cache .ruff_cache .pytest_cache
