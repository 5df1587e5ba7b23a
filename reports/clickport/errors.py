"""Clickport's error shape, `{"error", "message"}`, for everything that can go wrong below `/api/`."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from accounts.api import BodyTooLarge
from reports.engine.refusal import QueryRefused
from tracking.store import StoreError

MAX_BODY_BYTES = 256 * 1024
log = logging.getLogger(__name__)


class Forbidden(exceptions.APIException):
    """The key is good, but not for this."""

    status_code = 403


def body(status: int, message: str) -> dict[str, str]:
    """{"error": "Bad Request", "message": what is wrong and where}"""
    return {"error": HTTPStatus(status).phrase, "message": message}


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler of this dialect; None (a bug) becomes Django's 500."""
    if isinstance(error, QueryRefused):
        return Response(body(400, refusal_text(error)), status=400)
    if isinstance(error, StoreError):
        log.warning("a question failed in the store: %s", error)
        return Response(body(503, "The statistics cannot be read right now. Try again in a minute."), status=503)
    if isinstance(error, Http404):
        error = exceptions.NotFound("Endpoint not found")
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, RequestDataTooBig):
        error = BodyTooLarge(MAX_BODY_BYTES)
    if isinstance(error, SuspiciousOperation):  # Django would not read the request: too many parameters
        error = exceptions.ParseError(str(error))
    if not isinstance(error, exceptions.APIException):
        return None
    return Response(body(error.status_code, str(error.detail)), status=error.status_code, headers=headers(error))


def headers(error: exceptions.APIException) -> dict[str, str]:
    found = {}
    if wait := getattr(error, "wait", None):
        found["Retry-After"] = str(int(wait))
    if challenge := getattr(error, "auth_header", None):
        found["WWW-Authenticate"] = challenge
    return found


def refusal_text(refused: QueryRefused) -> str:
    """The sentence, and the part of the request it is about."""
    where = re.sub(r"^where(\.and(?=\[))?", "filters", refused.where)
    return f"{where}: {refused.sentence}" if where else refused.sentence


@csrf_exempt
def not_found(request: HttpRequest, rest: str = "") -> JsonResponse:
    """Every address below `/api/` that nobody answers."""
    return JsonResponse(body(404, "Endpoint not found"), status=404)
