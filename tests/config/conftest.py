"""Fixtures of tests with requests that run until the test ends them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from config import asgi as config_asgi
from config.serving import fair_places, senders
from config.serving.client_concurrency import queues
from tests.support.held_application import Application


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> Application:
    """Stands in for Django, behind the limits."""
    made = Application()
    monkeypatch.setattr(config_asgi, "django_app", made)
    return made


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """No request leaves anything behind, however it ends; nobody else was there a moment ago."""
    queues.all.uses.forget()
    yield
    assert not queues.by_client and not queues.by_key
    assert not queues.all.count_requests()
    queues.all.uses.forget()
    senders.forget_senders()


@pytest.fixture
def nobody_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a test takes, no client has too much open on average."""
    monkeypatch.setattr(fair_places, "MAX_AVERAGE", 1_000.0)
