"""The errors of the management API below /api/v1/, all of one shape:
`{"error": {"code": word, "message": sentence, "fields": {name: [sentences]}}}`; `fields` only if some are invalid.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from django.conf import settings
from django.core.exceptions import (
    NON_FIELD_ERRORS,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, status
from rest_framework.response import Response

ErrorDetails: TypeAlias = "str | Sequence[ErrorDetails] | Mapping[str, ErrorDetails]"  # of a serializer
ERROR_CODES = {
    400: "invalid", 401: "not_authenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
    406: "not_acceptable", 409: "conflict", 413: "too_large", 415: "unsupported_media_type",
    422: "different_request", 429: "too_many_requests",
    500: "server_error", 503: "busy",
}  # fmt: skip
log = logging.getLogger(__name__)
LOGIN_HINT = "Log in, or send your authkey or a personal token as `Authorization: Bearer <authkey>`."


class BodyTooLarge(exceptions.APIException):
    """The request body has more than `max_bytes`."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE

    def __init__(self, max_bytes: int) -> None:
        size = f"{max_bytes / 2**20:g} MB" if max_bytes >= 2**20 else f"{max_bytes // 1024} KB"
        super().__init__(f"The body is too large; send at most {size}.")


_outages: dict[type[Exception], str] = {}


def register_outage(kind: type[Exception], sentence: str) -> None:
    """Register errors of a higher app that mean that something is away for a while, and what is answered then."""
    _outages[kind] = sentence


def build_error_body(code: int, message: str, fields: Mapping[str, Sequence[str]] | None = None) -> dict[str, object]:
    """Build the body of an error with this HTTP status."""
    error = {"code": ERROR_CODES.get(code, "error"), "message": message}
    return {"error": {**error, "fields": fields} if fields else error}


def handle_error(error: Exception, context: dict[str, object]) -> Response | None:
    """Return the error response for an exception; None if it is none of the caller's, so that it becomes a 500."""
    for kind, sentence in _outages.items():
        if isinstance(error, kind):
            log.warning("the management API answered 503: %s", error)
            return _build_error(503, sentence)
    if isinstance(error, ValidationError):
        return _build_validation_error(error.message_dict if hasattr(error, "error_dict") else {"": error.messages})
    if isinstance(error, Http404):
        return _build_error(404, str(error) or "Not found.")
    if isinstance(error, PermissionDenied):
        return _build_error(403, str(error) or "You may not do this.")
    if isinstance(error, RequestDataTooBig):
        error = BodyTooLarge(settings.MAX_BODY_BYTES)
    if isinstance(error, SuspiciousOperation):
        return _build_error(400, "The body has too many fields.")
    if not isinstance(error, exceptions.APIException):
        return None
    if isinstance(error, exceptions.NotAuthenticated):
        error.detail = LOGIN_HINT  # type: ignore[assignment]
    headers = {"WWW-Authenticate": "Bearer"} if error.status_code == 401 else {}
    if seconds := getattr(error, "wait", None):  # of Throttled
        headers["Retry-After"] = str(math.ceil(seconds))
    if isinstance(error, exceptions.ValidationError) and isinstance(error.detail, dict):
        fields = flatten_errors(error.detail)
        return _build_error(400, join_errors(fields), fields)
    return _build_error(error.status_code, str(error.detail), headers=headers)


def flatten_errors(detail: ErrorDetails, name: str = "") -> dict[str, list[str]]:
    """Flatten a serializer's errors to messages by field; nested fields are named by their path: `grants.0.id`."""
    if isinstance(detail, Mapping):
        parts = {str(key): value for key, value in detail.items()}
    elif any(isinstance(item, dict | list) for item in detail):
        parts = {str(index): value for index, value in enumerate(detail) if value}
    else:
        return {name: [str(text) for text in detail]}
    messages: dict[str, list[str]] = {}
    for key, value in parts.items():
        messages |= flatten_errors(value, f"{name}.{key}" if name else key)
    return messages


def join_errors(fields: Mapping[str, Sequence[str]]) -> str:
    """Join the messages of all fields to one, each preceded by its field."""
    return " ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items())


def _build_validation_error(by_field: Mapping[str, Sequence[str]]) -> Response:
    """Build the error of a service; what is wrong with the row as a whole, such as a taken name, is no field's."""
    row_messages = [text for name in ("", NON_FIELD_ERRORS) for text in by_field.get(name, ())]
    fields = {name: texts for name, texts in by_field.items() if name not in ("", NON_FIELD_ERRORS)}
    return _build_error(400, " ".join([*row_messages, join_errors(fields)]).strip(), fields)


def _build_error(
    code: int,
    message: str,
    fields: Mapping[str, Sequence[str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    return Response(build_error_body(code, message, fields), status=code, headers=headers)


@csrf_exempt
def handle_not_found(request: HttpRequest, rest: str = "") -> JsonResponse:
    """Answer every address below `/api/v1/` that has no endpoint."""
    return JsonResponse(build_error_body(404, "There is no such endpoint."), status=404)
