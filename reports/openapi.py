"""The OpenAPI descriptions: of the Clickport and management APIs, with Clickport's key, and of the Clicky dialect."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView, SpectacularJSONAPIView
from rest_framework.throttling import BaseThrottle

from reports.clicky.account_sites import AccountSitesView
from reports.clicky.api_view import ClickyView
from reports.clicky.views import StatsView
from reports.clicky.whitelabel import WhitelabelView

HEADER = "x-api-key"
Endpoint = tuple[str, str, str, Any]  # path, its regular expression, method, view


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
        if endpoint[0].startswith("/api/")
        and not endpoint[0].startswith("/api/schema")
        and not issubclass(endpoint[3].cls, ClickyView)
    ]


class SchemaView(SpectacularAPIView):
    """`/api/schema/`; as JSON with `?format=json`."""

    throttle_classes: list[type[BaseThrottle]] = []


class ClickySchemaView(SpectacularJSONAPIView):
    """`/api/stats/openapi.json`: the Stats API, the account API and the white-label API."""

    throttle_classes: list[type[BaseThrottle]] = []
    patterns = [
        path("api/stats/4", StatsView.as_view()),
        path("api/account/sites", AccountSitesView.as_view()),
        path("api/whitelabel/<str:operation>", WhitelabelView.as_view()),
    ]
    custom_settings = {
        "TITLE": "Stats API",
        "DESCRIPTION": "Reports of one site by its key, the sites of a user, and the white-label API.",
        "PREPROCESSING_HOOKS": [],
    }
