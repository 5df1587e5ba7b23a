"""What every endpoint of the management API below /api/v1/ shares: authentication, parsing, errors and lists.

Auth: a session, or `Authorization: Bearer <authkey or personal token>`. Lists are paged by a cursor and filtered by
their filter set.
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
from rest_framework.authentication import SessionAuthentication
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import (
    BearerAuthentication,
    IsAuthenticated,
    IsWithinScopes,
    ManagementThrottle,
    PersonalTokenAuthentication,
)
from accounts.api.errors import BodyTooLarge, build_error_body, handle_error
from accounts.api.idempotency import (
    IDEMPOTENCY_HEADER,
    StoredAnswer,
    build_stored_response,
    claim_request,
    store_response,
)
from accounts.api.lists import CursorPages, ParameterFilters
from accounts.api.openapi import ManagementSchema
from accounts.models import READ, IdempotentRequest, Membership
from accounts.permissions import Bearer, get_current_membership, membership_may

Row = TypeVar("Row", bound=Model)
log = logging.getLogger(__name__)


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
    `area` is what personal tokens need a scope for; "" is open to all of them. `read_right` is the right that they need
    to read: `write` for secrets and personal data.
    """

    area: str
    read_right: str = READ
    uncounted: bool = False  # not one of the account's API calls of the month
    authentication_classes = (PersonalTokenAuthentication, BearerAuthentication, SessionAuthentication)
    permission_classes = (IsAuthenticated, IsWithinScopes)
    throttle_classes = (ManagementThrottle,)
    parser_classes = (BoundedJSONParser, FormParser, MultiPartParser)
    pagination_class = CursorPages
    filter_backends = (ParameterFilters,)
    schema = ManagementSchema()
    http_method_names = ("get", "post", "patch", "delete", "head", "options")  # no PUT
    missing = "Not found."
    claimed_request: IdempotentRequest | None = None  # whose answer is to be stored

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Check who calls, and claim the request's `Idempotency-Key`. Raises StoredAnswer for a repeated request."""
        super().initial(request, *args, **kwargs)
        if IDEMPOTENCY_HEADER in request.headers:
            self.claimed_request = claim_request(request, self.find_acting_membership())

    def finalize_response(self, request: Request, response: Response, *args: object, **kwargs: object) -> Response:
        """Finish the answer; the one to a claimed request is stored."""
        if self.claimed_request is not None:
            store_response(self.claimed_request, response)
        return super().finalize_response(request, response, *args, **kwargs)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, object]], Response | None]:
        return handle_error

    def handle_exception(self, exc: Exception) -> Response:
        """Answer every exception in the API's one shape, also one that is a bug."""
        try:
            if isinstance(exc, StoredAnswer):
                return build_stored_response(exc.row)
            return super().handle_exception(exc)
        except Exception:
            log.exception("a view of the management API failed")
            return Response(build_error_body(500, "An error occurred on the server; it was logged."), status=500)

    def find_acting_membership(self) -> Membership:
        """Find the membership that acts, whatever it may do. Raises Http404."""
        user = self.request.user
        return user.membership if isinstance(user, Bearer) else get_current_membership(self.request)

    def get_membership(self, may: str = "view") -> Membership:
        """Return the membership that acts: the key's own, or in the account that the user works in. Raises Http404.

        A token that is limited to sites does not reach the account itself.
        """
        user = self.request.user
        if isinstance(user, Bearer) and user.site_ids is not None:
            raise Http404("This token is limited to some sites.")
        membership = self.find_acting_membership()
        if not membership_may(membership, may):
            raise Http404("You do not manage this account.")
        return membership

    def get_object(self) -> Row:
        """Fetch the row that the address names, among those the caller may reach. Raises Http404."""
        row = self.get_queryset().filter(pk=self.kwargs[self.lookup_url_kwarg or self.lookup_field]).first()
        if row is None:
            raise Http404(self.missing)
        return row
