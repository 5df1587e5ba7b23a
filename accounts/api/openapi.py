"""The OpenAPI description of the management API: its key, its one error shape, and that its objects are closed."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes BearerAuthentication."""

    target_class = "accounts.api.management_view.BearerAuthentication"
    name = "authkey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Describe the header."""
        return {"type": "http", "scheme": "bearer", "description": "The account's or a member's authkey"}


class ClosedObjects(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Describes that objects of the API have no other fields than those described."""

    target_class = "accounts.api.serializers.ClosedSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Describe the serializer as usual, and closed."""
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "additionalProperties": False}


class ErrorDetailSerializer(serializers.Serializer[object]):
    code = serializers.CharField(help_text="A word that stays the same, such as `invalid` or `not_found`")
    message = serializers.CharField(help_text="What is wrong, as a sentence for people")
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="What is wrong with each field or parameter, if any is invalid",
    )


class ErrorSerializer(serializers.Serializer[object]):
    error = ErrorDetailSerializer()


INVALID_EXAMPLE = OpenApiExample(
    "Invalid fields",
    value={
        "error": {
            "code": "invalid",
            "message": "timezone: 'Mars' is not a time zone such as Europe/Tallinn.",
            "fields": {"timezone": ["'Mars' is not a time zone such as Europe/Tallinn."]},
        }
    },
)


def build_error_example(code: str, message: str) -> OpenApiExample:
    """Build the example of an error without fields."""
    return OpenApiExample(code, value={"error": {"code": code, "message": message}})


ERROR_RESPONSES: dict[int, OpenApiResponse] = {
    status: OpenApiResponse(ErrorSerializer, description=text, examples=[example])
    for status, text, example in (
        (400, "A field or parameter is invalid or unknown, or the body cannot be read", INVALID_EXAMPLE),
        (401, "No key, or an unknown one", build_error_example("not_authenticated", "The key is unknown.")),
        (403, "A session without its CSRF token", build_error_example("forbidden", "CSRF Failed: CSRF token missing.")),
        (404, "Nothing there that the caller may reach", build_error_example("not_found", "No such site.")),
        (413, "The body is too large", build_error_example("too_large", "The body is too large; send at most 2.5 MB.")),
        (415, "Neither JSON nor a form", build_error_example("unsupported_media_type", "Unsupported media type.")),
        (
            503,
            "Too busy, or the statistics cannot be read right now",
            build_error_example("busy", "The server is busy. Try again in a moment."),
        ),
    )
}


def describe_responses(status: int, response: object) -> dict[int, object]:
    """Describe the answers of an operation: the one of success, and the errors of all operations."""
    return {status: response, **ERROR_RESPONSES}


class ManagementSchema(AutoSchema):
    """Describes views below /api/v1/: what their serializers, filter sets and paging say, and the errors."""

    def get_response_serializers(self) -> Any:
        """Return the answers by status."""
        status = {"POST": 201, "DELETE": 204}.get(self.method, 200)
        return describe_responses(status, None if status == 204 else super().get_response_serializers())

    def get_summary(self) -> str | None:
        """Return the summary that a resource gives to its action; others have one of their own."""
        build = getattr(self.view, "build_summary", None)
        return build() or super().get_summary() if build else super().get_summary()

    def get_tags(self) -> list[str]:
        """Return the chapter of the operation: what its address names last, such as the goals of a site."""
        parts = self.path.removeprefix("/api/v1/").split("/")
        chapter = parts[2] if len(parts) > 2 and parts[0] == "sites" else parts[0]
        return [chapter.replace("-", " ").capitalize()]
