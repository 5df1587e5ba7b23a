"""What every page's template knows of this app."""

from __future__ import annotations

from django.http import HttpRequest

from tracking import places


def geography(request: HttpRequest) -> dict[str, bool]:
    """`dbip`: whether places come from DB-IP, whose licence asks for its name on the pages that use them."""
    return {"dbip": places.from_dbip()}
