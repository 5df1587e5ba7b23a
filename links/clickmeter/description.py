"""The OpenAPI description of the API, at `openapi.json`."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from links.clickmeter.values import Json

CONTENT_TYPE = "application/json; charset=utf-8"
ERRORS = {
    "400": "The request is not valid",
    "401": "The key is missing or unknown",
    "403": "The key may not do this",
    "404": "There is no such entity",
    "429": "More than ten requests in a second",
}
FAILURE = {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}


@lru_cache(maxsize=1)
def load_description() -> Json:
    """Load the OpenAPI description: the published one, corrected where recorded responses differ, and the errors, which
    are those of every operation."""
    description: Json = json.loads(Path(__file__).with_name("openapi.json").read_text())
    errors: Json = {status: {"description": text, "content": FAILURE} for status, text in ERRORS.items()}
    errors["500"] = {"description": "Internal Server Error"}
    for operations in description["paths"].values():
        for operation in operations.values():
            operation["responses"] |= errors
    return description


@require_safe
def serve_description(request: HttpRequest) -> JsonResponse:
    """Serve `openapi.json`, with the requested host as its server."""
    base = request.build_absolute_uri(request.path.removesuffix("/openapi.json") or "/")
    document = {**load_description(), "servers": [{"url": base}]}
    return JsonResponse(document, content_type=CONTENT_TYPE, headers={"Access-Control-Allow-Origin": "*"})
