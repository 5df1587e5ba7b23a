"""Errors as Clickport writes them, `{"error", "message"}`, for everything below `/api/`."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from accounts.api.errors import BodyTooLarge, ErrorDetails
from reports.query.budgets import BudgetExceeded
from reports.query.errors import QueryRefused
from tracking.store import UNREADABLE, StoreError

MAX_BODY_BYTES = 256 * 1024
log = logging.getLogger(__name__)


class StatisticsUnavailable(exceptions.APIException):
    status_code = 503
    default_detail = UNREADABLE


class QueriesLimited(exceptions.APIException):
    """The account's queries take too much now."""

    status_code = 429

    def __init__(self, error: BudgetExceeded) -> None:
        super().__init__(str(error))
        self.wait = error.seconds  # becomes Retry-After


def build_error_body(status: int, message: str) -> dict[str, str]:
    """Build `{"error": "Bad Request", "message": what is wrong and where}`."""
    return {"error": HTTPStatus(status).phrase, "message": message}


def handle_error(error: Exception, context: Mapping[str, object]) -> Response:
    """Build the response of any exception, as DRF's exception handler."""
    if isinstance(error, exceptions.ValidationError):
        error = find_first_error(error.detail)
    if isinstance(error, QueryRefused):
        error = exceptions.ParseError(format_query_error(error))
    elif isinstance(error, StoreError):
        log.warning("a query of the Clickport API failed in the store: %s", error)
        error = StatisticsUnavailable()
    elif isinstance(error, BudgetExceeded):
        error = QueriesLimited(error)
    elif isinstance(error, Http404):
        error = exceptions.NotFound("Endpoint not found")
    elif isinstance(error, RequestDataTooBig):
        error = BodyTooLarge(MAX_BODY_BYTES)
    elif isinstance(error, SuspiciousOperation):  # Django would not read the request: too many parameters
        error = exceptions.ParseError(str(error))
    elif not isinstance(error, exceptions.APIException | PermissionDenied):
        log.error("a Clickport view failed", exc_info=error)
        error = exceptions.APIException("An error occurred on the server; it was logged.")
    response = cast(Response, exception_handler(error, dict(context)))
    response.data = build_error_body(response.status_code, str(response.data["detail"]))
    return response


def find_first_error(detail: ErrorDetails, where: str = "") -> QueryRefused:
    """Return the first of a serializer's errors with its place: `metrics[0]`, `date_range.end`."""
    if not isinstance(detail, Mapping):
        return QueryRefused(str(detail[0]), where)
    name, inner = next(iter(detail.items()))
    return find_first_error(inner, f"{where}[{name}]" if isinstance(name, int) else f"{where}.{name}".lstrip("."))


def format_query_error(error: QueryRefused) -> str:
    """Return the sentence, preceded by the part of the request that it is about."""
    where = re.sub(r"^where(\.and(?=\[))?", "filters", error.where)
    return f"{where}: {error.sentence}" if where else error.sentence


@csrf_exempt
def handle_not_found(request: HttpRequest, rest: str = "") -> JsonResponse:
    """Answer every address below `/api/` that has no endpoint."""
    return JsonResponse(build_error_body(404, "Endpoint not found"), status=404)
