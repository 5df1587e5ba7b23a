"""What every endpoint of the management API below /api/v1/ shares: authentication, parsing, errors and lists.

Auth: a session, or `Authorization: Bearer <authkey>`. Lists are paged by a cursor and filtered by their filter set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import IO, Any, TypeVar

import orjson
from django.conf import settings
from django.db.models import Model
from django.http import Http404
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import LOGIN_HINT, BodyTooLarge, build_error_body, handle_error
from accounts.api.lists import CursorPages, ParameterFilters
from accounts.api.openapi import ManagementSchema
from accounts.models import Membership
from accounts.permissions import Bearer, find_bearer, get_current_membership, membership_may

Row = TypeVar("Row", bound=Model)
log = logging.getLogger(__name__)


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


class IsAuthenticated(BasePermission):
    """Permission for requests of somebody who is logged in or sends a key."""

    message = LOGIN_HINT

    def has_permission(self, request: Request, view: object) -> bool:
        """Whether the request has an actor."""
        return bool(request.user and request.user.is_authenticated)


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


class ManagementView(GenericAPIView[Row]):
    """The base of every view below /api/v1/, beside one of DRF's generic views that says what it does with the rows.

    A view of one row names the parameter of its address in `lookup_url_kwarg`, and in `missing` what is not there.
    """

    authentication_classes = (BearerAuthentication, SessionAuthentication)
    permission_classes = (IsAuthenticated,)
    parser_classes = (BoundedJSONParser, FormParser, MultiPartParser)
    pagination_class = CursorPages
    filter_backends = (ParameterFilters,)
    schema = ManagementSchema()
    http_method_names = ("get", "post", "patch", "delete", "head", "options")  # no PUT
    missing = "Not found."

    def get_exception_handler(self) -> Callable[[Exception, dict[str, object]], Response | None]:
        return handle_error

    def handle_exception(self, exc: Exception) -> Response:
        """Answer every exception in the API's one shape, also one that is a bug."""
        try:
            return super().handle_exception(exc)
        except Exception:
            log.exception("a view of the management API failed")
            return Response(build_error_body(500, "An error occurred on the server; it was logged."), status=500)

    def get_membership(self, may: str = "view") -> Membership:
        """Return the membership that acts: the key's own, or in the account that the user works in. Raises Http404."""
        user = self.request.user
        membership = user.membership if isinstance(user, Bearer) else get_current_membership(self.request)
        if not membership_may(membership, may):
            raise Http404("You do not manage this account.")
        return membership

    def get_object(self) -> Row:
        """Fetch the row that the address names, among those the caller may reach. Raises Http404."""
        row = self.get_queryset().filter(pk=self.kwargs[self.lookup_url_kwarg or self.lookup_field]).first()
        if row is None:
            raise Http404(self.missing)
        return row
