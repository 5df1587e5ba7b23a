"""What Clickport's views share: authentication by a key that opens one site, limits, parser and renderer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import IO, cast

import orjson
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone as clock
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from accounts.api.management_view import BoundedJSONParser
from accounts.api.throttles import AccountThrottle
from accounts.permissions import SUSPENDED
from accounts.plans.models import Api
from reports.clickport.errors import MAX_BODY_BYTES, handle_error
from reports.clickport.fields import Validated
from sites import site_cache
from sites.site_config import KeyConfig

HEADER = "x-api-key"


class KeyAuthentication(BaseAuthentication):
    """Authentication by the header `x-api-key` or by `Authorization: Bearer ck_…`."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, KeyConfig]:
        secret = request.headers.get(HEADER, "").strip()
        secret = secret or request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not secret:
            raise exceptions.AuthenticationFailed("Missing API key. Send it in the x-api-key header.")
        key = site_cache.find_key(secret)
        site = site_cache.get_site(key.site_id) if key else None
        if key is None or site is None:
            raise exceptions.AuthenticationFailed("Invalid API key")
        if site.suspended:
            raise exceptions.PermissionDenied(SUSPENDED)
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return HEADER


def get_key(request: Request) -> KeyConfig:
    """Return the key that `KeyAuthentication` found."""
    return cast(KeyConfig, request.auth)


class HasReadPermission(BasePermission):
    message = "This key can only send events. Make one with “read” in Settings → API keys."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return get_key(request).can_read


class KeyRateThrottle(AccountThrottle):
    """A limit per key, so generous that only a runaway script reaches it."""

    limit_name = "clickport_per_minute"
    api = Api.CLICKPORT

    def identify(self, request: Request) -> tuple[int | None, str]:
        key = get_key(request)
        site = site_cache.get_site(key.site_id)
        return site.account_id if site else None, str(key.key_id)


class JSONBodyParser(BoundedJSONParser):
    """Parses a JSON object whatever the Content-Type, which clients forget to set."""

    media_type = "*/*"
    max_bytes = MAX_BODY_BYTES

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: object = None
    ) -> dict[str, object]:
        data = super().parse(stream, media_type, parser_context)
        if not isinstance(data, dict):
            raise exceptions.ParseError("The body is not a JSON object.")
        return data


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: object, media_type: str | None = None, context: Mapping[str, object] | None = None) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=str)


class ApiKeyView(APIView):
    """A view for clients with a key. `request.auth` is the key, `site_id` the one site that it opens."""

    authentication_classes = [KeyAuthentication]
    permission_classes = [HasReadPermission]
    throttle_classes = [KeyRateThrottle]
    parser_classes = [JSONBodyParser]
    renderer_classes = [OrjsonRenderer]

    @property
    def site_id(self) -> int:
        return get_key(self.request).site_id

    @property
    def now(self) -> datetime:
        return clock.now()

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Choose JSON whatever the client accepts, as Clickport does."""
        return OrjsonRenderer(), OrjsonRenderer.media_type

    def get_exception_handler(self) -> Callable[..., Response]:
        return handle_error

    def validate(self, serializer: type[Serializer[object]], data: object) -> Validated:
        """Return what the request's serializer makes of its body or parameters. Raises ValidationError."""
        validated = serializer(data=data, context={"now": self.now})
        validated.is_valid(raise_exception=True)
        return cast(Validated, validated.validated_data)
