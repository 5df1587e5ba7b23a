"""Who is asking: an `x-api-key` opens one site for reading. Everything Clickport's views share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from django.utils import timezone as clock
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts.api import BoundedJSONParser
from accounts.limits import DEFAULT_LIMITS
from reports.clickport.errors import MAX_BODY_BYTES, Forbidden, body, handle
from reports.limits import per_minute, take
from sites import known
from sites.facts import KeyFacts

HEADER = "x-api-key"
FAIR_USE = DEFAULT_LIMITS["clickport_per_minute"]  # requests a minute and key
log = logging.getLogger(__name__)


class Program:
    """Who showed a key: no user, and no site but the key's own."""

    is_authenticated = True

    def __init__(self, key: KeyFacts) -> None:
        self.key = key


class KeyAuthentication(BaseAuthentication):
    """The `x-api-key` header; `Authorization: Bearer ck_…` is the same."""

    def authenticate(self, request: Any) -> tuple[Program, KeyFacts]:
        given = request.headers.get(HEADER, "").strip()
        given = given or request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not given:
            raise exceptions.AuthenticationFailed("Missing API key. Send it in the x-api-key header.")
        key = known.key(given)
        if key is None or known.site(key.site_id) is None:
            raise exceptions.AuthenticationFailed("Invalid API key")
        return Program(key), key

    def authenticate_header(self, request: Any) -> str:
        return HEADER


class MayRead(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        if not request.auth.can_read:
            raise Forbidden("This key can only send events. Make one with “read” in Settings → API keys.")
        return True


class FairUse(BaseThrottle):
    """A limit so wide that only a runaway script meets it."""

    retry_after = 0

    def allow_request(self, request: Any, view: Any) -> bool:
        facts = known.site(request.auth.site_id)
        most = per_minute(facts.account_id, "clickport_per_minute", FAIR_USE) if facts else FAIR_USE
        self.retry_after = take("clickport", str(request.auth.key_id), most, clock.now()).retry_after
        return self.retry_after == 0

    def wait(self) -> float:
        return self.retry_after


class JSONBody(BoundedJSONParser):
    """A JSON object, whatever Content-Type the client forgot to set."""

    media_type = "*/*"
    max_bytes = MAX_BODY_BYTES

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        found = super().parse(stream, media_type, parser_context)
        if not isinstance(found, dict):
            raise exceptions.ParseError("The body is not a JSON object.")
        return found


class JSONAnswer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, media_type: str | None = None, context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=str)


class KeyView(APIView):
    """A view for programs with a key. `request.auth` is the key, `site_id` the one site it opens."""

    authentication_classes = [KeyAuthentication]
    permission_classes = [MayRead]
    throttle_classes = [FairUse]
    parser_classes = [JSONBody]
    renderer_classes = [JSONAnswer]

    @property
    def site_id(self) -> int:
        key: Any = self.request.auth
        return int(key.site_id)

    @property
    def now(self) -> datetime:
        return clock.now()

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """JSON whatever the client says it accepts, as Clickport does."""
        return JSONAnswer(), JSONAnswer.media_type

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return handle

    def handle_exception(self, exc: Exception) -> Response:
        try:
            return super().handle_exception(exc)
        except Exception:
            log.exception("a Clickport view failed")
            return Response(body(500, "Something failed here; it has been noted."), status=500)
