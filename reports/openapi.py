"""The OpenAPI descriptions of the Clickport API and of the management API, of both in one (`/api/schema/`), and of the
Clicky dialect.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeAlias, cast

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView, SpectacularJSONAPIView
from rest_framework.throttling import BaseThrottle

from reports.clicky.account_views import AccountSitesView
from reports.clicky.openapi import SECURITY_SCHEMES
from reports.clicky.views import ClickyView, StatsView
from reports.clicky.whitelabel import WhitelabelView

HEADER = "x-api-key"


class EndpointView(Protocol):
    """The function that a view's `as_view` returned."""

    cls: type[object]


Endpoint = tuple[str, str, str, EndpointView]  # path, its regular expression, method, view
Schema: TypeAlias = dict[str, Any]


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


class LoadedSchema(SchemaGenerator):
    """Takes the place of a generator: the description was made before."""

    def get_schema(self, *_: object, **__: object) -> Schema:
        """Return the description, whoever asks for it."""
        return load_schema()


class SchemaView(SpectacularAPIView):
    """`/api/schema/`; as JSON with `?format=json`."""

    throttle_classes: list[type[BaseThrottle]] = []
    generator_class = LoadedSchema


class Api(NamedTuple):
    """An API with a document of its own: its title, what it is for, and whether it is the management API."""

    title: str
    description: str
    is_management: bool


QUERY_API = Api("Query API", "Statistics and events of one site, by its key.", is_management=False)
MANAGEMENT_API = Api("Management API", "Sites, keys and members of an account, by its authkey.", is_management=True)


@lru_cache(maxsize=1)
def load_schema() -> Schema:
    """Load the description of everything below `/api/`. It depends on the program only."""
    generator = cast(Any, SchemaGenerator)()
    return cast(Schema, generator.get_schema(request=None, public=True))


@lru_cache
def build_document(api: Api) -> Schema:
    """Build the description of one API: its operations, and the components that they refer to."""
    schema = load_schema()
    paths = {
        path: operations
        for path, operations in schema["paths"].items()
        if path.startswith("/api/v1/") == api.is_management
    }
    components: Schema = {}
    for kind, name in find_components(paths, schema["components"]):
        components.setdefault(kind, {})[name] = schema["components"][kind][name]
    info = {**schema["info"], "title": api.title, "description": api.description}
    return {"openapi": schema["openapi"], "info": info, "paths": paths, "components": components}


def find_components(paths: Schema, components: Schema) -> list[tuple[str, str]]:
    """Find (kind, name) of the components that operations refer to, also by way of others, in order of name."""
    schemes = {
        ("securitySchemes", name)
        for operations in paths.values()
        for operation in operations.values()
        for requirement in operation.get("security", [])
        for name in requirement
    }
    component_names, waiting = set[str](), [*list_references(paths)]
    while waiting:
        name = waiting.pop()
        if name not in component_names:
            component_names.add(name)
            waiting += list_references(components["schemas"][name])
    return sorted(schemes | {("schemas", name) for name in component_names})


def list_references(part: object) -> Iterator[str]:
    """Yield the names of the schemas to which a part of the description refers."""
    if isinstance(part, dict):
        if isinstance(reference := part.get("$ref"), str):
            yield reference.removeprefix("#/components/schemas/")
        for value in part.values():
            yield from list_references(value)
    elif isinstance(part, list):
        for value in part:
            yield from list_references(value)


class Operation(NamedTuple):
    """An operation as the documentation lists it; `filters` only of lists."""

    call: str
    summary: str
    filters: list[str]


def list_operations(api: Api) -> list[Operation]:
    """List the operations of an API in the order of their addresses."""
    paging = ("limit", "cursor")
    return [
        Operation(
            f"{method.upper()} {path}",
            operation["summary"],
            [
                row["name"]
                for row in operation.get("parameters", [])
                if row["in"] == "query" and row["name"] not in paging
            ],
        )
        for path, operations in build_document(api)["paths"].items()
        for method, operation in operations.items()
    ]


@require_safe
def serve_document(request: HttpRequest, api: Api) -> JsonResponse:
    """Serve the `openapi.json` of an API, with the requested host as its server."""
    document = {**build_document(api), "servers": [{"url": request.build_absolute_uri("/").rstrip("/")}]}
    return JsonResponse(document, headers={"Access-Control-Allow-Origin": "*"})


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
        "APPEND_COMPONENTS": {"securitySchemes": SECURITY_SCHEMES},
    }
