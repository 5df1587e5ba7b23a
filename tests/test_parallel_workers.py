"""Parallel test processes share nothing."""

import os

import pytest
from django.conf import settings

from tests import conftest


def test_django_uses_the_directory_that_this_process_chose() -> None:
    assert str(settings.DATA_DIR) == conftest.DATA_DIR
    assert f"footfall-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-" in conftest.DATA_DIR


def test_no_two_tests_have_the_same_name(request: pytest.FixtureRequest) -> None:
    """Workers are given tests by name."""
    names = [item.nodeid for item in request.session.items]
    assert len(names) == len(set(names))
