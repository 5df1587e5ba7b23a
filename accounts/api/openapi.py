"""The OpenAPI description of the management API: its key, its one error shape, and that its objects are closed."""

from __future__ import annotations

from typing import Any, Protocol

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from accounts.api.idempotency import IDEMPOTENCY_HEADER, MAX_KEY_LENGTH, KeyOfAnotherRequest, RequestInProgress


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes BearerAuthentication."""

    target_class = "accounts.api.authentication.BearerAuthentication"
    name = "authkey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Describe the header."""
        return {"type": "http", "scheme": "bearer", "description": "The account's or a member's authkey"}


class PersonalTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes PersonalTokenAuthentication."""

    target_class = "accounts.api.authentication.PersonalTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Describe the header."""
        return {"type": "http", "scheme": "bearer", "description": "A personal token: wapt_…"}


class SerializerMapping(Protocol):
    """What `ClosedObjects` uses of drf-spectacular's schema, which does not declare types."""

    def _map_serializer(self, serializer: object, direction: str, bypass_extensions: bool) -> dict[str, object]: ...


class ClosedObjects(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Describes that objects of the API have no other fields than those described."""

    target_class = "accounts.api.serializers.ClosedSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: SerializerMapping, direction: str) -> dict[str, object]:
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
        (
            403,
            "A personal token without the scope, or a session without its CSRF token",
            build_error_example("forbidden", "This token does not have the scope sites:write."),
        ),
        (404, "Nothing there that the caller may reach", build_error_example("not_found", "No such site.")),
        (406, "`Accept` allows no JSON", build_error_example("not_acceptable", "Could not satisfy the Accept header.")),
        (413, "The body is too large", build_error_example("too_large", "The body is too large; send at most 2.5 MB.")),
        (415, "Neither JSON nor a form", build_error_example("unsupported_media_type", "Unsupported media type.")),
        (
            429,
            "Too many requests in a minute; `Retry-After` says for how many seconds to wait",
            build_error_example("too_many_requests", "Request was throttled. Expected available in 30 seconds."),
        ),
        (
            503,
            "Too busy, or the statistics cannot be read right now",
            build_error_example("busy", "The server is busy. Try again in a moment."),
        ),
    )
}


IDEMPOTENCY_PARAMETER = OpenApiParameter(
    IDEMPOTENCY_HEADER,
    {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description="Any text of your own. The same request with the same key is done once, and answered alike for 24 h",
)
IDEMPOTENCY_RESPONSES: dict[int, OpenApiResponse] = {
    409: OpenApiResponse(
        ErrorSerializer,
        description="The first request with this `Idempotency-Key` is being answered",
        examples=[build_error_example("conflict", RequestInProgress.default_detail)],
    ),
    422: OpenApiResponse(
        ErrorSerializer,
        description="The `Idempotency-Key` was used for another request",
        examples=[build_error_example("different_request", KeyOfAnotherRequest.default_detail)],
    ),
}


def describe_responses(status: int, response: object, is_post: bool = False) -> dict[int, object]:
    """Describe the answers of an operation: the one of success, and the errors of all operations and of its method."""
    repeated = IDEMPOTENCY_RESPONSES if is_post or status == 201 else {}
    return dict(sorted({status: response, **ERROR_RESPONSES, **repeated}.items()))


class ManagementSchema(AutoSchema):
    """Describes views below /api/v1/: what their serializers, filter sets and paging say, and the errors."""

    def get_response_serializers(self) -> Any:
        """Return the answers by status."""
        status = {"POST": 201, "DELETE": 204}.get(self.method, 200)
        return describe_responses(status, None if status == 204 else super().get_response_serializers())

    def get_override_parameters(self) -> list[Any]:
        """Return the header that POST requests may have."""
        return [*super().get_override_parameters(), *([IDEMPOTENCY_PARAMETER] if self.method == "POST" else [])]

    def get_summary(self) -> str | None:
        """Return the summary that a resource gives to its action; others have one of their own."""
        build = getattr(self.view, "build_summary", None)
        return build() or super().get_summary() if build else super().get_summary()

    def get_tags(self) -> list[str]:
        """Return the chapter of the operation: the first part of its address; below one site, what follows its id."""
        parts = self.path.removeprefix("/api/v1/").split("/")
        chapter = parts[2] if len(parts) > 2 and parts[0] == "sites" else parts[0]
        return [chapter.replace("-", " ").capitalize()]
