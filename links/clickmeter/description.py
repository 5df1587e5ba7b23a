"""The OpenAPI description of the API, at `openapi.json`, made when it is first asked for: of the tables of operations,
actions and parameters, and of the serializers."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from links.clickmeter.actions import ACTIONS, ORDER_PARAMETERS
from links.clickmeter.answers import FailureSerializer, RowCountSerializer
from links.clickmeter.api_view import HEADER, TEXT_PATH_PARAMETERS, AuthkeyAuthentication
from links.clickmeter.fields import DescribedField
from links.clickmeter.lenient_serializer import LenientSerializer
from links.clickmeter.operations import OPERATIONS, PARAMETER, Operation
from links.clickmeter.parameters import PARAMETERS, Parameter
from links.clickmeter.top_reports import build_type_parameter
from links.clickmeter.values import Json, Value

CONTENT_TYPE = "application/json; charset=utf-8"
ERRORS = {
    400: "The request is not valid",
    401: "The key is missing or unknown",
    403: "The key may not do this",
    404: "There is no such entity",
    429: "Too many requests, or the account's queries take too much",
    500: "The operation failed",
    503: "The event store does not answer",
}
INFO = {
    "title": "ClickMeter API",
    "version": "v2",
    "description": "Tracked links, for clients of the ClickMeter API v2",
}
RIGHT_KINDS = ("datapoint", "group")  # what `{type}` of a path may be


class MemberKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the two places of the key."""

    target_class = AuthkeyAuthentication
    name = ["api_key", "query_key"]

    def get_security_definition(self, auto_schema: object) -> list[dict[str, str]]:
        return [
            {"type": "apiKey", "in": "header", "name": HEADER},
            {"type": "apiKey", "in": "query", "name": "authKey"},
        ]

    def get_security_requirement(self, auto_schema: object) -> list[dict[str, list[str]]]:
        return [{name: []} for name in self.name]


class DescribedFields(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = DescribedField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: object, direction: str) -> Json:
        return cast(DescribedField, self.target).describe()


class LenientObjects(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Describes that bodies may lack any member, and answers those with default values."""

    target_class = LenientSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Value, direction: str) -> Json:
        schema: Json = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        for member in schema["properties"].values():
            member.pop("readOnly", None)
        required = sorted(self.target.always_written) if self.target.is_response_only else []
        return schema | {"required": required} if required else {k: v for k, v in schema.items() if k != "required"}


class OperationSchema(AutoSchema):
    """Describes an operation as its row of the table, the row of its action and its views say."""

    def __init__(self, operation: Operation) -> None:
        super().__init__()
        self.operation, self.action = operation, ACTIONS[operation.action]

    def get_operation(self, *args: Value, **options: Value) -> Json:
        """Describe the operation, with its parameters in their order, and also the body of a DELETE, which the library
        leaves out."""
        described = cast(Json, super().get_operation(*args, **options))
        order = [(row.name, row.location) for row in self.get_override_parameters()]
        if order:
            described["parameters"].sort(key=lambda row: order.index((row["name"], row["in"])))
        body = self.operation.views.serializer_class if self.action.body_is_row else self.action.body
        if body is None:
            return described
        content = {"schema": self.resolve_serializer(body, "request").ref}
        return described | {"requestBody": {"required": True, "content": dict.fromkeys(self.map_parsers(), content)}}

    def get_operation_id(self) -> str:
        return f"{self.operation.tag}_{self.operation.name or self.action.name}"

    def get_summary(self) -> str:
        return self.action.summary.format(view=self.operation.views)

    def get_description(self) -> str:  # type: ignore[override]
        return ""

    def get_tags(self) -> list[str]:
        return [self.operation.tag]

    def get_request_serializer(self) -> None:
        return None

    def get_response_serializers(self) -> Value:
        views = self.operation.views
        answer = views.answers.get(self.operation.action, self.action.answer) or views.serializer_class
        success = OpenApiResponse(answer(many=True) if self.action.is_page else answer, "The answer")
        return {200: success, **{status: OpenApiResponse(FailureSerializer, text) for status, text in ERRORS.items()}}

    def get_override_parameters(self) -> list[Value]:
        """Return the parameters of the path, then those of the query."""
        paths = map(describe_path_parameter, PARAMETER.findall(self.operation.path))
        return [*paths, *(describe_parameter(self.find_parameter(word)) for word in self.list_words())]

    def list_words(self) -> list[str]:
        """List the words for the parameters of the query; the order of rows does not matter where they are counted."""
        words = (self.operation.parameters or self.action.parameters).format(view=self.operation.views).split()
        ignored = ORDER_PARAMETERS.split() if self.action.answer is RowCountSerializer else ()
        return [word for word in words if word not in ignored]

    def find_parameter(self, word: str) -> Parameter:
        return build_type_parameter(self.operation.views.reports) if word == "report" else PARAMETERS[word]


def describe_path_parameter(name: str) -> OpenApiParameter:
    """Describe a parameter of a path: the id of a row, the code of an entry, or the kind of a right."""
    kind = str if name.startswith(TEXT_PATH_PARAMETERS) else int
    return OpenApiParameter(name, kind, "path", enum=RIGHT_KINDS if name == "type" else None)


def describe_parameter(row: Parameter) -> OpenApiParameter:
    words = [word for word in row.words if word not in row.unlisted]
    schema = {"type": row.type} | ({"default": row.default} if row.default is not None else {})
    return OpenApiParameter(row.name, schema, description=row.meaning, required=row.required, enum=words or None)


class OperationList(EndpointEnumerator):
    """Lists the operations of the table, since the patterns of their URLs match any case."""

    def get_api_endpoints(self, *args: object) -> list[Value]:
        return [(row.path, row.path, row.method, build_callback(row)) for row in OPERATIONS]


def build_callback(row: Operation) -> object:
    return row.views.as_view({row.method.lower(): row.action}, schema=OperationSchema(row))


class OperationGenerator(SchemaGenerator):
    endpoint_inspector_cls = OperationList


@lru_cache(maxsize=1)
def load_description() -> Json:
    """Load the description, which depends on the program only."""
    generator = cast(Value, OperationGenerator)()
    paths = generator.parse(None, public=True)
    return {"openapi": "3.1.0", "info": INFO, "paths": paths, "components": generator.registry.build({})}


@require_safe
def serve_description(request: HttpRequest) -> JsonResponse:
    """Serve `openapi.json`, with the requested host as its server."""
    base = request.build_absolute_uri(request.path.removesuffix("/openapi.json") or "/")
    document = {**load_description(), "servers": [{"url": base}]}
    return JsonResponse(document, content_type=CONTENT_TYPE, headers={"Access-Control-Allow-Origin": "*"})
