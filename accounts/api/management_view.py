"""What every endpoint of the management API below /api/v1/ shares: authentication, parsing, errors and paging.

Auth: a session, or `Authorization: Bearer <authkey>`. Every error is
`{"error": {"code": word, "message": sentence, "fields": {name: [sentences]}}}`; `fields` only if some are invalid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, TypeAlias

import orjson
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions, serializers, status
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Membership
from accounts.permissions import Bearer, find_bearer, get_current_membership, membership_may


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <authkey>` of an account or of one of its members."""

    def authenticate(self, request: Request) -> tuple[Bearer, str] | None:
        """Return the actor of the key and the key; None without such a header. Raises AuthenticationFailed."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        bearer = find_bearer(key)
        if bearer is None:
            raise exceptions.AuthenticationFailed("The key is unknown. Settings → Account shows your authkey.")
        return bearer, key

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme that WWW-Authenticate asks for."""
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The description of BearerAuthentication in the OpenAPI schema."""

    target_class = "accounts.api.management_view.BearerAuthentication"
    name = "authkey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Describe the header."""
        return {"type": "http", "scheme": "bearer", "description": "The account's or a member's authkey"}


class IsAuthenticated(BasePermission):
    """Permission for requests of somebody who is logged in or sends a key."""

    message = "Log in, or send your authkey as `Authorization: Bearer <authkey>`."

    def has_permission(self, request: Request, view: object) -> bool:
        """Whether the request has an actor."""
        return bool(request.user and request.user.is_authenticated)


class BodyTooLarge(exceptions.APIException):
    """The request body has more than `max_bytes`."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE

    def __init__(self, max_bytes: int) -> None:
        size = f"{max_bytes / 2**20:g} MB" if max_bytes >= 2**20 else f"{max_bytes // 1024} KB"
        super().__init__(f"The body is too large; send at most {size}.")


class BoundedJSONParser(JSONParser):
    """Parses JSON bodies of bounded size; orjson bounds their depth."""

    max_bytes: int = settings.MAX_BODY_BYTES

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: object = None) -> Any:
        """Parse the body. Raises ParseError for invalid or too deeply nested JSON, and BodyTooLarge."""
        raw = stream.read(self.max_bytes + 1)
        if len(raw) > self.max_bytes:
            raise BodyTooLarge(self.max_bytes)
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise exceptions.ParseError(f"The body is not JSON: {error}.") from None


ErrorDetails: TypeAlias = "str | Sequence[ErrorDetails] | Mapping[str, ErrorDetails]"  # of a serializer
ERROR_CODES = {
    400: "invalid", 401: "not_authenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
    413: "too_large", 503: "busy",
}  # fmt: skip


def handle_error(error: Exception, context: dict[str, object]) -> Response | None:
    """Return the error response for an exception; None if it is none of the caller's, so that it becomes a 500."""
    if isinstance(error, ValidationError):
        by_field = error.message_dict if hasattr(error, "error_dict") else {}
        message = " ".join(f"{name}: {' '.join(texts)}" for name, texts in by_field.items()) or " ".join(error.messages)
        return _build_error(400, message, by_field)
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
        error.detail = IsAuthenticated.message  # type: ignore[assignment]
    headers = {"WWW-Authenticate": "Bearer"} if error.status_code == 401 else {}
    if isinstance(error, exceptions.ValidationError) and isinstance(error.detail, dict):
        fields = flatten_errors(error.detail)
        return _build_error(400, " ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items()), fields)
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


def _build_error(code: int, message: str, fields: object = None, headers: dict[str, str] | None = None) -> Response:
    body = {"code": ERROR_CODES.get(code, "error"), "message": message} | ({"fields": fields} if fields else {})
    return Response({"error": body}, status=code, headers=headers)


class ManagementView(APIView):
    """The base of every view below /api/v1/."""

    authentication_classes = (BearerAuthentication, SessionAuthentication)
    permission_classes = (IsAuthenticated,)
    parser_classes = (BoundedJSONParser, FormParser, MultiPartParser)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, object]], Response | None]:
        return handle_error

    def get_membership(self, may: str = "view") -> Membership:
        """Return the membership that acts: the key's own, or in the account that the user works in. Raises Http404."""
        user = self.request.user
        membership = user.membership if isinstance(user, Bearer) else get_current_membership(self.request)
        if not membership_may(membership, may):
            raise Http404("You do not manage this account.")
        return membership


def validate_data(serializer: serializers.BaseSerializer[Any]) -> dict[str, Any]:
    """Return the serializer's validated values. Raises DRF's ValidationError."""
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def paginate(
    request: Request, queryset: QuerySet[Model], serializer: type[serializers.BaseSerializer[Any]]
) -> Response:
    """Respond with `{"count", "results"}`, cut by the parameters `limit` (default 100, at most 1000) and `offset`."""
    limit = min(_parse_number(request, "limit", 100), 1000)
    offset = _parse_number(request, "offset", 0)
    rows = queryset[offset : offset + limit]
    return Response({"count": queryset.count(), "results": serializer(rows, many=True).data})


def _parse_number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit():
        raise ValidationError({name: "Must be a whole number of 0 or more."})
    return int(text[:9])
