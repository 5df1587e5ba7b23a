"""OpenAPI: how the key of the Clickport API is described, and which addresses the description is about."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView

HEADER = "x-api-key"


class KeyScheme(OpenApiAuthenticationExtension):
    """The `x-api-key` header."""

    target_class = "reports.clickport.key_view.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": HEADER, "description": "A key of one site: ck_…"}


def public_endpoints(endpoints: list[Any], **_: Any) -> list[Any]:
    """Only what lies below `/api/`: the other dialects have descriptions of their own."""
    return [one for one in endpoints if one[0].startswith("/api/") and not one[0].startswith("/api/schema")]


class SchemaView(SpectacularAPIView):
    """`/api/schema/`; as JSON with `?format=json`."""

    throttle_classes: list[Any] = []
