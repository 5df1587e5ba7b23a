"""What tests of live views share."""

from __future__ import annotations

import pytest

from sites.models import Site
from tracking import live_streams


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights are asked for again before every event, and every 20 ms of silence."""
    monkeypatch.setattr(live_streams, "CHECK_SECONDS", 0.02)


@pytest.fixture
def spied(site: Site, transactional_db: None) -> str:
    return f"/sites/{site.pk}/spy/stream"
