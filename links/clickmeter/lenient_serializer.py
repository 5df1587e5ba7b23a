"""The base of ClickMeter's serializers, which are made for old clients: they read any case of a name and pass over what
they do not know, and leave out of an answer what has its default value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from operator import attrgetter, methodcaller
from typing import ClassVar, NamedTuple, TypeAlias

from rest_framework import serializers
from rest_framework.fields import Field, SkipField

from links.clickmeter.fields import AmountField, FlagField, NameOrNumberField, NumberField, ReferenceField, TextField
from links.clickmeter.values import Json, Value
from links.permissions import LinkScope

# Fields whose value is written as the row has it
PLAIN_FIELDS = (TextField, FlagField, NumberField, ReferenceField, NameOrNumberField)

# Fields whose value is written in an answer as it is given: what has a serializer is written by it, amounts are rounded
WRITTEN_FIELDS = (serializers.BaseSerializer, serializers.DictField, AmountField)

AnyField: TypeAlias = "Field[Value, Value, Value, Value]"


class Reader(NamedTuple):
    """How a member is read: the place of its value, and its field's function."""

    member: str
    place: Sequence[str]
    read: Callable[[Value], object]


class Writer(NamedTuple):
    """How a member is written: the row's value, its field's function, and whether it is written if it is empty.

    Without `get` it is computed: `write` gets the serializer and the row.
    """

    member: str
    get: Callable[[Value], object] | None
    write: Callable[..., object] | None
    always_written: bool


class LenientList(serializers.ListSerializer[Value]):
    """Rows whose related rows are read for all of them, so that the number of queries does not grow with the rows."""

    child: LenientSerializer

    def to_representation(self, data: Value) -> list[Json]:
        self.child.prepare(data)
        return [self.child.to_representation(row) for row in data]


class LenientSerializer(serializers.Serializer[Value]):
    """A serializer of which only the members in `always_written` are written although they are empty.

    Its fields are built once: what they read and write is kept by class as two lists, since a list has many rows.
    """

    always_written: ClassVar[frozenset[str]] = frozenset()
    is_response_only: ClassVar[bool] = False  # whether no body has it, so that members in `always_written` are required
    custom_members: ClassVar[frozenset[str]] = frozenset()  # members that the subclass writes itself

    class Meta:
        list_serializer_class = LenientList

    @property
    def scope(self) -> LinkScope:
        scope: LinkScope = self.context["request"].scope
        return scope

    def prepare(self, rows: Sequence[Value]) -> None:
        """Read what belongs to all rows of a list, before they are written."""

    @classmethod
    @cache
    def list_readers(cls) -> Sequence[Reader]:
        """List how members are read. Services take an id by the name of its row: `group` for `group_id`."""
        fields = [field for field in cls().fields.values() if not field.read_only]
        places = [[name.removesuffix("_id") for name in field.source_attrs] for field in fields]
        return [
            Reader(str(field.field_name).lower(), place, field.to_internal_value)
            for field, place in zip(fields, places, strict=True)
        ]

    @classmethod
    @cache
    def list_writers(cls) -> Sequence[Writer]:
        """List how members are written, except those that the class writes itself."""
        fields = [field for field in cls().fields.values() if not field.write_only]
        return [cls.build_writer(field) for field in fields if field.field_name not in cls.custom_members]

    @classmethod
    def build_writer(cls, field: AnyField) -> Writer:
        member = str(field.field_name)
        if isinstance(field, serializers.SerializerMethodField):
            return Writer(member, None, getattr(cls, str(field.method_name)), member in cls.always_written)
        write = None if isinstance(field, PLAIN_FIELDS) else field.to_representation
        return Writer(member, cls.build_getter(field), write, member in cls.always_written)

    @classmethod
    def build_getter(cls, field: AnyField) -> Callable[[Value], object]:
        """Build the function that fetches a field's value: the field's own, or by the names of its `source`, of which
        the second one may be a rule of a link."""
        if type(field).get_attribute is not Field.get_attribute:
            return field.get_attribute
        if not field.source_attrs:
            return return_row
        column, *inner = field.source_attrs
        if column != "rules":
            return attrgetter(".".join(field.source_attrs))

        def get_rule(row: Value) -> object:
            return row.rules.get(inner[0]) if row.rules else None

        return get_rule

    def run_validation(self, data: object = None) -> Json:
        return self.to_internal_value(data)

    def to_internal_value(self, data: Value) -> Json:
        """Read the members that the body has into the fields of the services. Raises ApiError (400)."""
        body, values = data if isinstance(data, dict) else {}, Json()
        for member, place, read in self.list_readers():
            if member in body:
                with suppress(SkipField):
                    self.set_value(values, place, read(body[member]))
        return values

    def to_representation(self, instance: Value) -> Json:
        result: Json = {}
        for member, get, write, always_written in self.list_writers():
            if get is None:
                value = write(self, instance) if write else None
            else:
                value = get(instance)
                if write is not None and value is not None:
                    value = write(value)
            if value or always_written:
                result[member] = value
        return result


class ObjectSerializer(LenientSerializer):
    """A serializer of what is no row of a table: of objects by name, in which a member may be missing.

    Members in WRITTEN_FIELDS are given as they are written, unless they consist of the same values (`source="*"`).
    """

    is_response_only = True

    @classmethod
    def build_writer(cls, field: AnyField) -> Writer:
        writer = super().build_writer(field)
        is_written = field.source != "*" and isinstance(field, WRITTEN_FIELDS)
        return Writer(writer.member, writer.get, None, writer.always_written) if is_written else writer

    @classmethod
    def build_getter(cls, field: AnyField) -> Callable[[Value], object]:
        return methodcaller("get", field.source_attrs[0]) if field.source_attrs else return_row


def return_row(row: Value) -> object:
    """Return the row as the value of a member whose members are the row's own (`source="*"`)."""
    return row


def omit_empty(**members: object) -> Json:
    """Return the members that are not 0, false, null or empty."""
    return {name: value for name, value in members.items() if value}


def write_answer(serializer: type[ObjectSerializer], values: Json) -> Json:
    """Write an answer of these values, by the names of its serializer's sources."""
    return serializer().to_representation(values)
