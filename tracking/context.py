"""Template context of every page."""

from __future__ import annotations

from django.http import HttpRequest

from tracking import places


def geography(request: HttpRequest) -> dict[str, bool]:
    """Return `dbip`: whether places come from DB-IP, whose licence requires its name on pages that use them."""
    return {"dbip": places.from_dbip()}
