"""Template context of every page."""

from __future__ import annotations

from django.http import HttpRequest

from tracking import geo


def add_geography(request: HttpRequest) -> dict[str, bool]:
    """Return `dbip`: whether places come from DB-IP, whose licence requires its name on pages that use them."""
    return {"dbip": geo.from_dbip()}
