"""QUERY_LIMITS: the operator limits what one query to the event store may take."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from config.env import read_env
from reports.query.errors import QueryStopped
from reports.query.execution_limits import DEFAULTS, query_settings
from sites.models import Site
from tests.support import ask, browse
from tests.support.types import Store


def test_limits_are_read_from_the_environment(tmp_path: Path, settings: Settings) -> None:
    assert read_env({"DATA_DIR": str(tmp_path)}).query_limits == {}
    env = read_env({"DATA_DIR": str(tmp_path), "QUERY_LIMITS": "max_execution_time=60, max_threads=2"})
    assert env.query_limits == {"max_execution_time": 60, "max_threads": 2} and not env.mistakes
    settings.QUERY_LIMITS = env.query_limits
    assert query_settings() == {**DEFAULTS, "max_execution_time": 60, "max_threads": 2}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("max_memory=5", "'max_memory' is not a limit of a query; use max_execution_time, max_memory_usage,"),
        ("max_threads", "max_threads is a whole number above 0, such as max_threads=60, not ''."),
        ("max_threads=0", "not '0'."),
        ("max_execution_time=30s", "not '30s'."),
    ],
)
def test_an_invalid_limit_is_reported_and_not_used(tmp_path: Path, text: str, sentence: str) -> None:
    env = read_env({"DATA_DIR": str(tmp_path), "QUERY_LIMITS": text})
    assert env.query_limits == {}
    (mistake,) = env.mistakes
    assert mistake[0] == "QUERY_LIMITS" and sentence in mistake[1]


def test_a_query_that_exceeds_a_limit_is_stopped_with_its_value(site: Site, store: Store, settings: Settings) -> None:
    browse(site, "/a", "/b")
    settings.QUERY_LIMITS = {"max_rows_to_read": 1}
    with pytest.raises(QueryStopped, match="more than 1 rows"):
        ask(site, "views", by="page")
