"""The base of the serializers of the management API: a request body may have only the fields that are described."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from django.db.models import Model
from django.http import QueryDict
from rest_framework import serializers

Row = TypeVar("Row", bound=Model)
CSRF_FIELD = "csrfmiddlewaretoken"  # pages' forms have it beside their fields


class ClosedSerializer(serializers.Serializer[Any]):
    """A serializer that refuses fields it does not have, so that a misspelt one is noticed.

    Read-only fields are passed over: a client may send back the object it has read.
    """

    def to_internal_value(self, data: object) -> object:
        """Validate the body. Raises ValidationError, which names every unknown field beside the invalid ones."""
        unknown = self.list_unknown(data) if isinstance(data, Mapping) else []
        writable = ", ".join(name for name, field in self.fields.items() if not field.read_only)
        errors: dict[str, Any] = {name: [f"There is no such field. Known: {writable}."] for name in unknown}
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            errors |= error.detail if isinstance(error.detail, dict) else {}
        if errors:
            raise serializers.ValidationError(errors)
        return values

    def list_unknown(self, data: Mapping[str, object]) -> list[str]:
        """List the names in the body that are none of the fields. A form writes nested ones as `grants[0]kind`."""
        names: Iterable[str] = data
        if isinstance(data, QueryDict):
            names = dict.fromkeys(name.partition("[")[0].partition(".")[0] for name in data if name != CSRF_FIELD)
        return [name for name in names if name not in self.fields]


class ClosedModelSerializer(ClosedSerializer, serializers.ModelSerializer[Any]):
    """A serializer of a model that refuses fields it does not have."""


def require_instance(serializer: serializers.BaseSerializer[Row]) -> Row:
    """Return the row that an update changes."""
    assert serializer.instance is not None, "an update has a row"
    return serializer.instance
