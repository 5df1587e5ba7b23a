"""Parallel test processes share nothing, and run every test that is theirs."""

import os
import re
from pathlib import Path

import pytest
from django.conf import settings

from tests import conftest
from tests.support.other_suites import OTHER_SUITES


def test_django_uses_the_directory_that_this_process_chose() -> None:
    assert str(settings.DATA_DIR) == conftest.DATA_DIR
    assert f"footfall-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-" in conftest.DATA_DIR


def test_no_two_tests_have_the_same_name(request: pytest.FixtureRequest) -> None:
    """Workers are given tests by name."""
    names = [item.nodeid for item in request.session.items]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("name", "mark"), OTHER_SUITES.items())
def test_what_the_default_suite_leaves_out_has_tests_of_another_suite_only(
    name: str, mark: str, pytestconfig: pytest.Config
) -> None:
    path = Path(pytestconfig.rootpath, name)
    files = [path] if path.is_file() else [*path.rglob("test_*.py")]
    marked = re.compile(rf"^pytestmark = .*\bpytest\.mark\.{mark}\b", re.M)
    of_folder = path.is_dir() and f"pytest.mark.{mark}" in read_if_there(path / "conftest.py")
    assert files and [file.name for file in files if not of_folder and not marked.search(file.read_text())] == []


def read_if_there(path: Path) -> str:
    return path.read_text() if path.exists() else ""
