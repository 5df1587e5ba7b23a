"""The OpenAPI description of the Clickport API: its key, and the addresses that it covers."""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView
from rest_framework.throttling import BaseThrottle

HEADER = "x-api-key"
Endpoint = tuple[str, str, str, object]  # path, its regular expression, method, view


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the header `x-api-key`."""

    target_class = "reports.clickport.key_view.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": HEADER, "description": "A key of one site: ck_…"}


def select_public_endpoints(endpoints: list[Endpoint], **_: object) -> list[Endpoint]:
    """Keep the endpoints below `/api/`; other dialects have descriptions of their own."""
    return [
        endpoint
        for endpoint in endpoints
        if endpoint[0].startswith("/api/") and not endpoint[0].startswith("/api/schema")
    ]


class SchemaView(SpectacularAPIView):
    """`/api/schema/`; as JSON with `?format=json`."""

    throttle_classes: list[type[BaseThrottle]] = []
