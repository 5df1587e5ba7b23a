"""What the views of the API share: authentication by a key, permissions, rate limit, bodies, pages, errors, headers."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from accounts.api.throttles import admit_call
from accounts.permissions import Bearer, find_bearer
from accounts.plans.models import Api
from accounts.security.client_ip import get_client_key
from accounts.security.rate_limits import RateLimit, count_request
from links.clickmeter.api_request import MAX_LIMIT, ApiRequest
from links.clickmeter.errors import ApiError, build_not_found_error, handle_error
from links.clickmeter.lenient_serializer import LenientSerializer
from links.clickmeter.parsers import FormParser, JSONObjectParser, LenientNegotiation, XMLParser
from links.clickmeter.values import Json, Value
from links.models import Datapoint, Group
from links.permissions import LinkScope, build_link_scope

HEADER = "X-Clickmeter-Authkey"
GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
LIMIT = RateLimit("clickmeter", 10, 1)  # requests of one client a second
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": (
        "X-Clickmeter-AuthKey, X-Clickmeter-Authkey, Origin, X-Requested-With, cache-control, Content-Type, Accept"
    ),
    "Access-Control-Expose-Headers": "X-Rate-Limit-Limit, X-Rate-Limit-Remaining, X-Rate-Limit-Reset, Retry-After",
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
}
TEXT_PATH_PARAMETERS = (
    "whitelist",
    "blacklist",
    "type",
)  # how the names of an address's parameters begin that are no numbers
log = logging.getLogger(__name__)


class AuthkeyAuthentication(BaseAuthentication):
    """Authentication by the header or the parameter `authKey`: a member's key for them, the account's for the team."""

    def authenticate(self, request: Request) -> tuple[Bearer, LinkScope]:
        """Return the actor of the key and what they may see and change. Raises AuthenticationFailed."""
        key = request.headers.get(HEADER, "").strip() or cast(ApiRequest, request).get_text("authKey")
        if not key:
            raise AuthenticationFailed(f"The key is missing. Send it as {HEADER}.")
        bearer = find_bearer(key.upper()) if GUID.match(key) else None
        if bearer is None:
            raise AuthenticationFailed(f"The key is missing or unknown. Send it as {HEADER}.")
        return bearer, build_link_scope(bearer.membership)

    def authenticate_header(self, request: Request) -> str:
        return HEADER


class IsManager(BasePermission):
    """Permission for the team, by its keys: plan, guests and lists are only theirs."""

    message = "This operation needs the master key."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return cast(LinkScope, request.auth).can_manage


class IsManagerOrReadOnly(IsManager):
    """Permission for all to read, and for the team to write. A row is looked for first: guests see few of them."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.method in SAFE_METHODS or bool(view.kwargs) or super().has_permission(request, view)

    def has_object_permission(self, request: Request, view: APIView, obj: object) -> bool:
        return request.method in SAFE_METHODS or super().has_permission(request, view)


class IsEditorOrReadOnly(BasePermission):
    """Permission for all to read links and groups, and for those with the right to it to change them."""

    message = "You have no permission for this operation."

    def has_object_permission(self, request: Request, view: APIView, obj: Datapoint | Group) -> bool:
        return request.method in SAFE_METHODS or cast(LinkScope, request.auth).may_edit(obj)


class ClientThrottle(BaseThrottle):
    """A limit per client, whatever its key is."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        api_request = cast(ApiRequest, request)
        api_request.count = count_request(LIMIT, get_client_key(request), api_request.now)
        return api_request.count.retry_after == 0


class ClickMeterRenderer(BaseRenderer):
    """Writes JSON under a content type that names the charset, as ClickMeter does."""

    media_type = "application/json"
    format = "json"
    charset = "utf-8"

    def render(self, data: object, media_type: str | None = None, context: Mapping[str, object] | None = None) -> bytes:
        return orjson.dumps(data, default=str)


class Pages(LimitOffsetPagination):
    """Pages by offset and limit, read leniently: by default 20 rows. ClickMeter does not tell how many there are."""

    max_limit = MAX_LIMIT

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        offset, limit = cast(ApiRequest, request).get_page()
        return [*queryset[offset : offset + limit]]

    def get_paginated_response(self, data: object) -> Response:
        return Response({"entities": data})

    def get_paginated_response_schema(self, schema: Json) -> Json:
        return {"type": "object", "required": ["entities"], "properties": {"entities": schema}}


class ClickMeterView(APIView):
    """The base of every view of the API. An operation gets an ApiRequest and the numbers of its address."""

    authentication_classes = (AuthkeyAuthentication,)
    throttle_classes = (ClientThrottle,)
    parser_classes = (JSONObjectParser, XMLParser, FormParser)
    renderer_classes = (ClickMeterRenderer,)
    content_negotiation_class = LenientNegotiation
    http_method_names = ["get", "post", "put", "patch", "delete", "options", "head"]
    request: ApiRequest
    format_kwarg = None
    default_response_headers = HEADERS

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        for name, word in kwargs.items():
            if not name.startswith(TEXT_PATH_PARAMETERS):
                kwargs[name] = parse_path_number(str(word))
        return super().dispatch(request, *args, **kwargs)

    def initialize_request(self, request: HttpRequest, *args: object, **kwargs: object) -> Request:
        return ApiRequest(
            request,
            parsers=self.get_parsers(),
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )

    def initial(self, request: ApiRequest, *args: object, **kwargs: object) -> None:  # type: ignore[override]
        """Check the rate first, which also limits guesses of keys. A preflight is not counted and carries no key."""
        request.accepted_renderer = ClickMeterRenderer()  # the only one, whatever the client accepts
        request.accepted_media_type = ClickMeterRenderer.media_type
        if request.method == "OPTIONS":
            return
        self.check_throttles(request)
        self.check_method(request)
        self.perform_authentication(request)
        account = cast(Bearer, request.user).membership.account
        admit_call(account.pk, Api.CLICKMETER, over_api_calls=account.over_api_calls)
        request.data  # noqa: B018 - read, since an invalid body is refused also where it does not count
        if None in kwargs.values():
            raise build_not_found_error()
        self.check_permissions(request)

    def check_method(self, request: ApiRequest) -> None:
        """Raise ApiError (405) for a method that the address does not have."""

    def options(self, request: Request, *args: object, **kwargs: object) -> HttpResponse:  # type: ignore[override]
        return HttpResponse()

    def throttled(self, request: Request, wait: float | None) -> None:  # type: ignore[override]
        raise ApiError(429, f"At most {LIMIT.maximum} requests per second.")

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return handle_error

    def handle_exception(self, exc: Exception) -> Response:
        try:
            return super().handle_exception(exc)
        except Exception:
            log.exception("an operation failed on %s", self.request.path)
            return Response(ApiError(500, "The operation failed.").build_body(), status=500)

    def finalize_response(self, request: Request, response: object, *args: object, **kwargs: object) -> Response:
        """Turn what an operation returns into a response, and add the rate's headers to every one."""
        answer = response if isinstance(response, HttpResponseBase) else Response(response)
        final = super().finalize_response(request, cast(Response, answer), *args, **kwargs)
        api_request = cast(ApiRequest, request)
        count = api_request.count
        final["X-Rate-Limit-Limit"] = str(LIMIT.maximum)
        final["X-Rate-Limit-Remaining"] = str(count.remaining if count else LIMIT.maximum)
        final["X-Rate-Limit-Reset"] = str(int(api_request.now.timestamp()) + 1)
        if final.status_code in (429, 503):
            final.headers.setdefault("Retry-After", "1")
        return final


class OperationViews(ViewSetMixin, ClickMeterView):
    """The operations of a tag: methods by the names of the table's actions, which return the JSON of a 200.

    `what` is a row's name in descriptions and errors, `nouns` are several, `entity` its name in errors where it is
    another; `answers` are the serializers of actions that answer otherwise than those of most views; `reports` are the
    dimensions of its top reports.
    """

    what: ClassVar[str] = ""
    nouns: ClassVar[str] = ""
    entity: ClassVar[str] = ""
    serializer_class: Value = None
    reports: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    answers: ClassVar[Mapping[str, type[LenientSerializer]]] = {}

    def read(self, serializer: type[LenientSerializer], body: Json | None = None) -> Json:
        """Read the body, or an object in it, by a serializer. Raises ApiError (400)."""
        return serializer().to_internal_value(self.request.members if body is None else body)

    def check_method(self, request: ApiRequest) -> None:
        if str(request.method).lower() not in self.action_map:
            method = "GET" if request.method == "HEAD" else request.method
            methods = ", ".join(sorted(name.upper() for name in self.action_map if name != "head"))
            raise ApiError(405, f"{method} is not known here; use {methods}.")


class UnknownAddressView(ClickMeterView):
    """A path that is not in the table."""

    def check_method(self, request: ApiRequest) -> None:
        raise ApiError(404, "No such endpoint.")


def parse_path_number(text: str) -> int | None:
    """Parse an id in a path; None for anything else, of which nothing has the id."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
