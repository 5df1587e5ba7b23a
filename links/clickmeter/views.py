"""Views of the ClickMeter API: rate limit, dispatch to the table's handler, errors and headers."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone as clock
from django.views.decorators.http import require_safe
from rest_framework.authentication import BaseAuthentication
from rest_framework.parsers import BaseParser
from rest_framework.views import APIView

from accounts.security.client_ip import get_client_key
from accounts.security.hashers import HashingBusy
from accounts.security.rate_limits import RateLimit, RequestCount, count_request
from links.clickmeter.api_request import Json, parse_request
from links.clickmeter.errors import ApiError, build_not_found_error, build_validation_error
from links.clickmeter.operations import Operation
from reports.query import QueryRefused

LIMIT = RateLimit("clickmeter", 10, 1)  # requests of one client a second
JSON = "application/json; charset=utf-8"
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": (
        "X-Clickmeter-AuthKey, X-Clickmeter-Authkey, Origin, X-Requested-With, cache-control, Content-Type, Accept"
    ),
    "Access-Control-Expose-Headers": "X-Rate-Limit-Limit, X-Rate-Limit-Remaining, X-Rate-Limit-Reset",
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
}
log = logging.getLogger(__name__)


class AnyParser(BaseParser):
    """Leaves the body unread, since `links.clickmeter.api_request` parses it whatever its content type is."""

    media_type = "*/*"

    def parse(self, stream: object, media_type: str | None = None, parser_context: object = None) -> Json:
        """Return nothing."""
        return {}


def build_response(body: object, status: int = 200) -> JsonResponse:
    """Build a JSON response with ClickMeter's content type, which names the charset."""
    return JsonResponse(body, status=status, safe=False, json_dumps_params={"ensure_ascii": False}, content_type=JSON)


def build_error_response(error: ApiError) -> JsonResponse:
    """Build the response of an error."""
    return build_response(error.build_body(), error.status)


class OperationView(APIView):
    """The operations of one path."""

    authentication_classes: tuple[type[BaseAuthentication], ...] = ()
    parser_classes = (AnyParser,)
    operations: dict[str, Operation] = {}
    http_method_names = ["get", "post", "put", "patch", "delete", "options", "head"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Handle a request; every response, also of an error, has the API's headers."""
        now = clock.now()
        count = RequestCount(LIMIT.maximum, LIMIT.maximum, 0)
        if request.method != "OPTIONS":
            count = count_request(LIMIT, get_client_key(request), now)
        try:
            if count.retry_after:
                raise ApiError(429, f"At most {count.maximum} requests per second.", "0429")
            response = self.handle_operation(request, now, kwargs)
        except ApiError as error:
            response = build_error_response(error)
        except HashingBusy as busy:
            response = build_error_response(ApiError(503, str(busy)))
        except SuspiciousOperation as unread:  # Django would not read the request
            status = 413 if isinstance(unread, RequestDataTooBig) else 400
            response = build_error_response(ApiError(status, str(unread)))
        except Exception:
            log.exception("an operation failed on %s", request.path)
            response = build_error_response(ApiError(500, "The operation failed."))
        for name, value in HEADERS.items():
            response[name] = value
        response["X-Rate-Limit-Limit"] = str(count.maximum)
        response["X-Rate-Limit-Remaining"] = str(count.remaining)
        response["X-Rate-Limit-Reset"] = str(int(now.timestamp()) + 1)
        if response.status_code in (429, 503):
            response["Retry-After"] = "1"
        return response

    def handle_operation(self, request: HttpRequest, now: datetime, path_values: dict[str, str]) -> HttpResponse:
        if request.method == "OPTIONS":
            return HttpResponse(status=200)
        method = "GET" if request.method == "HEAD" else request.method or "GET"
        operation = self.operations.get(method)
        if operation is None:
            raise ApiError(405, f"{method} is not known here; use {', '.join(sorted(self.operations))}.", "0405")
        api_request = parse_request(request, now)
        values = {
            name: value if name.startswith(("whitelist", "blacklist", "type")) else parse_path_number(value)
            for name, value in path_values.items()
        }
        try:
            # No transaction here: services have their own, and reads must not hold a write lock
            return build_response(operation.handler(api_request, **values))
        except ValidationError as error:
            raise build_validation_error(error) from None
        except QueryRefused as error:
            raise ApiError(400, str(error), "0010") from None


def parse_path_number(text: str) -> int:
    """Parse an id in a path. Raises ApiError (404) for anything else, as ClickMeter does."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise build_not_found_error()
    return int(text)


class UnknownAddressView(OperationView):
    """A path that is not in the table."""

    def handle_operation(self, request: HttpRequest, now: datetime, path_values: dict[str, str]) -> HttpResponse:
        """Raise the 404 in ClickMeter's format."""
        if request.method == "OPTIONS":
            return HttpResponse(status=200)
        raise ApiError(404, "No such endpoint.", "0404")


@lru_cache(maxsize=1)
def load_description() -> Json:
    """Load the OpenAPI description: the published one, corrected where recorded responses differ."""
    description_data: Json = json.loads(Path(__file__).with_name("openapi.json").read_text())
    return description_data


@require_safe
def description(request: HttpRequest) -> HttpResponse:
    """Serve `openapi.json`, with the requested host as its server."""
    base = request.build_absolute_uri(request.path.removesuffix("/openapi.json") or "/")
    response = build_response({**load_description(), "servers": [{"url": base}]})
    response["Access-Control-Allow-Origin"] = "*"
    return response
