# Commands of the project, for people and CI. Start with `make run`.
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
NODE_STAMP := static/node_modules/.installed
JOBS ?= 3
.DEFAULT_GOAL := run
.PHONY: run setup geo build-static format-static check-static test test-services test-browser test-heavy check lock bench bench-ingest bench-query bench-redirect bench-pages bench-uptime bench-calls bench-lists bench-shared clean

run: $(STAMP) geo           ## migrate both stores, make a demo account on the first start, serve
	$(PY) manage.py serve

setup: $(STAMP) geo         ## what `run` needs (environment, dependencies, geography), and static/'s tools when npm is there
	-if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(NODE_STAMP); fi

$(STAMP): requirements.lock
	test -x $(PY) || python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

geo: $(STAMP)
	-$(PY) -m tracking.data.fetch

$(NODE_STAMP): static/package-lock.json
	cd static && npm ci --silent --no-audit --no-fund --ignore-scripts
	touch $@

build-static: $(NODE_STAMP) ## tracker, world map and vendored files, from their sources
	cd static && npm run --silent build

format-static: $(NODE_STAMP) ## format the scripts, fix what the linter can fix
	cd static && npm run --silent format

check-static:               ## format and lint of scripts; every built file is what its sources make
	@if command -v npm >/dev/null; then \
		$(MAKE) --no-print-directory $(NODE_STAMP) && cd static && npm run --silent check; \
	elif [ -n "$(REQUIRE_NPM)" ]; then echo "check-static: npm is missing"; exit 1; \
	else echo "check-static: skipped, because npm is missing"; fi

test: $(STAMP)              ## the whole suite on the embedded defaults
	$(PY) -m pytest $(PARALLEL) -q

test-services: $(STAMP)     ## the same product on PostgreSQL, Redis and a two-shard ClickHouse
	$(PY) -m tests.services.run

test-browser: $(STAMP)      ## real Chromium
	command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium >/dev/null)
	$(PY) -m pytest -q -m browser tests/browser

PARALLEL = -n $(JOBS) --dist loadfile --no-loadscope-reorder
RANDOM_TESTS := tests/reports/query/test_random_queries.py tests/reports/test_hostile_api_requests.py \
	tests/reports/clicky/test_beside_naive_evaluation.py tests/sites/uptime/test_availability.py \
	tests/tracking/test_endpoint_fuzzing.py tests/tracking/test_endpoint_answers.py tests/links/test_rule_safety.py
SERVER_TESTS := tests/heavy tests/config # one at a time: they start servers, and some measure

test-heavy: $(STAMP)        ## server processes, floods, kill -9, stores taken away, full disks; all combinations
	$(PY) -m pytest -q -m heavy --timeout 1200 $(SERVER_TESTS)
	$(PY) -m pytest $(PARALLEL) -q -m heavy --timeout 1200 tests $(SERVER_TESTS:%=--ignore=%)
	$(PY) -m pytest $(PARALLEL) -q --hypothesis-profile thorough $(RANDOM_TESTS)

check: $(STAMP) check-static ## style, types, architecture, migrations, deploy checks
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	find templates -type f -exec $(VENV)/bin/djade --check {} +
	$(PY) -m mypy .
	$(PY) -m pytest -q tests/test_architecture.py tests/test_declarations.py
	$(PY) manage.py makemigrations --check --dry-run
	SECRET_KEY=$$($(PY) -c "import secrets; print(secrets.token_urlsafe(60))") BASE_URL=https://footfall.example ALLOWED_HOSTS=footfall.example $(PY) manage.py check --deploy --fail-level ERROR

lock:                       ## resolve the dependencies again
	$(PY) -m uv pip compile -q --universal --python-version 3.11 --group dev pyproject.toml -o requirements.lock --generate-hashes

bench: bench-ingest bench-query bench-redirect bench-pages bench-uptime bench-calls bench-lists bench-shared

bench-ingest bench-query bench-redirect bench-pages bench-uptime bench-calls bench-lists bench-shared: bench-%: $(STAMP)
	command -v wrk >/dev/null || (apt-get update -qq && apt-get install -y -qq wrk >/dev/null)
	command -v redis-server >/dev/null || test $* != shared || (apt-get update -qq && apt-get install -y -qq redis-server >/dev/null)
	$(PY) -m tests.bench.$*

clean:
	rm -rf $(VENV) var static/node_modules .mypy_cache .ruff_cache .pytest_cache
