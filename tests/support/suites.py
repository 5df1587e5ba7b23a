"""Which files of tests are begun first, and which are left out of the default suite as a whole."""

from __future__ import annotations

# Files of few tests that take long. Begun last, each would leave all workers but its own without work
LONG_FILES = (
    "tests/tracking/test_store_moves.py", "tests/links/clickmeter/test_query_counts.py",
    "tests/reports/query/test_random_queries.py", "tests/reports/query/test_rollups.py",
    "tests/config/test_list_query_counts.py", "tests/config/test_secret_key.py",
    "tests/config/test_broken_requests.py", "tests/sites/uptime/test_availability.py",
    "tests/config/test_demo_shop.py",
)  # fmt: skip

# What has tests of another suite only, by its mark. Reading these files and listing their tests, of which those of the
# API descriptions are generated, would be half of the processor time before the first test
OTHER_SUITES = {
    "tests/browser": "browser", "tests/services": "services", "tests/heavy": "heavy",
    "tests/config/test_openapi_answers.py": "heavy", "tests/config/test_serve_command.py": "heavy",
    "tests/config/test_serve_workers.py": "heavy",
}  # fmt: skip
