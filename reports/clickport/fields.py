"""The fields of Clickport's requests. Each takes its JSON type only, never something like it, and says in a sentence
what is wrong with another value.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NoReturn, TypeAlias

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers as s
from rest_framework.fields import empty

from reports.clickport.vocabulary import METRIC_NAMES, find_dimension, find_metric
from reports.query.errors import QueryRefused, join_names, quote_value
from reports.query.periods import parse_date, parse_zone

Validated: TypeAlias = dict[str, Any]  # what a serializer read from a request


class StrictField(s.Field[Any, Any, Any, Any]):
    """A field whose sentences may name it (`{field.field_name}`) and quote what it was values."""

    def fail(self, key: str, **values: object) -> NoReturn:
        quoted = {name: quote_value(value) for name, value in values.items()}
        raise s.ValidationError(self.error_messages[key].format(field=self, **quoted), code=key)

    def run_validation(self, data: object = empty) -> object:
        """Validate a value; what the engine refuses is an error of this field."""
        try:
            return super().run_validation(data)
        except QueryRefused as error:
            raise s.ValidationError(error.sentence) from None


@extend_schema_field(str)
class StrictTextField(StrictField):
    default_error_messages = {"invalid": "“{field.field_name}” is text, not {type}."}

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid", type=type(data).__name__)
        return data


class ZoneField(StrictTextField):
    """The name of a time zone."""

    def to_internal_value(self, data: object) -> str:
        return parse_zone(super().to_internal_value(data)).key


class DayField(StrictField, s.DateField):
    default_error_messages = {
        "null": "A date is text such as 2026-03-31, not “NoneType”.",
        "invalid": "A date is text such as 2026-03-31, not {type}.",
    }

    def to_internal_value(self, data: object) -> date:
        if not isinstance(data, str):
            self.fail("invalid", type=type(data).__name__)
        return parse_date(data)


class StrictFlagField(StrictField, s.BooleanField):
    default_error_messages = {"invalid": "“{field.field_name}” is true or false, not {input}."}

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictNumberField(StrictField, s.IntegerField):
    """A whole number of a range."""

    min_value: int
    max_value: int
    default_error_messages = {
        "invalid": "“{field.field_name}” is a whole number from {field.min_value:,} to {field.max_value:,}, "
        "not {input}."
    }

    def to_internal_value(self, data: object) -> int:
        if type(data) is not int or not self.min_value <= data <= self.max_value:
            self.fail("invalid", input=data)
        return data


class NumberParameter(StrictNumberField):
    """A number in an address, which is text there."""

    def to_internal_value(self, data: object) -> int:
        is_number = isinstance(data, str) and data.isascii() and data.isdigit() and len(data) < 12
        return super().to_internal_value(int(str(data)) if is_number else data)


class OptionField(StrictField, s.ChoiceField):
    default_error_messages = {"invalid_choice": "“{field.field_name}” is one of {field.names}, not {input}."}

    @property
    def names(self) -> str:
        return join_names(self.choices)


class NameField(StrictTextField):
    """A name in a list of names."""

    default_error_messages = {"invalid": "A name is text, not {type}.", "null": "A name is text, not “NoneType”."}


@extend_schema_field({"type": "string", "enum": list(METRIC_NAMES)})
class MetricField(NameField):
    def to_internal_value(self, data: object) -> str:
        find_metric(name := super().to_internal_value(data))
        return name


class DimensionField(NameField):
    def to_internal_value(self, data: object) -> str:
        find_dimension(name := super().to_internal_value(data))
        return name


class NamesField(StrictField, s.ListField):
    """A list of distinct names."""

    max_length: int
    default_error_messages = {
        "not_a_list": "“{field.field_name}” is a list of names, not {input_type}.",
        "empty": "“{field.field_name}” is empty; name at least one.",
    }

    def to_internal_value(self, data: object) -> list[str]:
        if isinstance(data, list) and len(data) > self.max_length:
            sentence = f"“{self.field_name}” takes at most {self.max_length} names, not {len(data):,}."
            raise s.ValidationError(sentence)
        return list(dict.fromkeys(super().to_internal_value(data)))
