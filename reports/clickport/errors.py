"""Errors as Clickport writes them, `{"error", "message"}`, for everything below `/api/`."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from accounts.api.management_view import BodyTooLarge
from reports.query.errors import QueryRefused
from tracking.store import StoreError

MAX_BODY_BYTES = 256 * 1024
log = logging.getLogger(__name__)


class KeyForbidden(exceptions.APIException):
    """A valid key without the permission that the request needs."""

    status_code = 403


def build_error_body(status: int, message: str) -> dict[str, str]:
    """Build `{"error": "Bad Request", "message": what is wrong and where}`."""
    return {"error": HTTPStatus(status).phrase, "message": message}


def handle_error(error: Exception, context: Mapping[str, object]) -> Response | None:
    """Build the response of an exception, as DRF's exception handler; None, for a bug, becomes a 500."""
    if isinstance(error, QueryRefused):
        return Response(build_error_body(400, format_query_error(error)), status=400)
    if isinstance(error, StoreError):
        log.warning("a query of the Clickport API failed in the store: %s", error)
        return Response(
            build_error_body(503, "The statistics cannot be read right now. Try again in a minute."), status=503
        )
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
    return Response(
        build_error_body(error.status_code, str(error.detail)), status=error.status_code, headers=build_headers(error)
    )


def build_headers(error: exceptions.APIException) -> dict[str, str]:
    """Return Retry-After and WWW-Authenticate as far as the error has them."""
    headers = {}
    if seconds := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(seconds))
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    return headers


def format_query_error(error: QueryRefused) -> str:
    """Return the sentence, preceded by the part of the request that it is about."""
    where = re.sub(r"^where(\.and(?=\[))?", "filters", error.where)
    return f"{where}: {error.sentence}" if where else error.sentence


@csrf_exempt
def handle_not_found(request: HttpRequest, rest: str = "") -> JsonResponse:
    """Answer every address below `/api/` that has no endpoint."""
    return JsonResponse(build_error_body(404, "Endpoint not found"), status=404)
