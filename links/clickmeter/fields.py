"""Fields of ClickMeter's entities, for `LenientSerializer`: they read what old clients send, and write what these know.

`to_internal_value` raises ApiError (400) for what it cannot read, and SkipField for a value that counts as omitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from rest_framework import serializers
from rest_framework.fields import SkipField

from links.clickmeter.times import format_time
from links.clickmeter.values import (
    Json,
    Value,
    lower_keys,
    parse_boolean,
    parse_enum,
    parse_integer,
    parse_list,
    parse_object,
    parse_optional_time,
    parse_tags,
    parse_text,
)
from links.models import Datapoint, DatapointKind, DomainKind, Mode, ReferrerClean, Status

# Names of enumerations; those in lower case are read, but not described
KINDS = {
    "TrackingLink": DatapointKind.LINK, "TrackingPixel": DatapointKind.PIXEL,
    "tl": DatapointKind.LINK, "tp": DatapointKind.PIXEL,
}  # fmt: skip
STATUSES = {
    "Active": Status.ACTIVE, "Paused": Status.PAUSED, "Abuse": Status.BLOCKED, "Deleted": Status.DELETED,
    "spam": Status.BLOCKED,
}  # fmt: skip
MODES = {
    "Simple": Mode.SIMPLE, "RandomDestination": Mode.RANDOM, "DestinationByLanguage": Mode.LANGUAGE,
    "SpilloverDestination": Mode.SPILLOVER, "DynamicUrl": Mode.DYNAMIC, "BrowserDestination": Mode.BROWSER,
    "DestinationByNation": Mode.NATION, "UniqueDestination": Mode.UNIQUE, "SequentialDestination": Mode.SEQUENTIAL,
    "WeightedDestination": Mode.WEIGHTED,
}  # fmt: skip
REDIRECT_TYPES = {"PermanentRedirect": 301, "TemporaryRedirect": 307}
REFERRER_CLEANS = {"None": ReferrerClean.NONE, "Clean": ReferrerClean.CLEAN, "Myself": ReferrerClean.MYSELF}
DOMAIN_KINDS = {
    "System": DomainKind.SYSTEM, "Go": DomainKind.GO, "Personal": DomainKind.PERSONAL,
    "Dedicated": DomainKind.DEDICATED,
}  # fmt: skip
PROTOCOLS = {"Http": 0, "Https": 1}
TYPE_NAMES = {DatapointKind.LINK: "TrackingLink", DatapointKind.PIXEL: "TrackingPixel"}


class DescribedField:
    """A field that says itself what the values of its member are."""

    def describe(self) -> Json:
        """Return the values' schema in OpenAPI."""
        raise NotImplementedError


def describe_object(**members: str) -> Json:
    """Describe an object by the types of its members."""
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in members.items()}}


class TextField(serializers.CharField):
    to_internal_value = staticmethod(parse_text)


class UncheckedTextField(serializers.CharField):
    """A text that is checked when the rows have been found which the body names."""

    def to_internal_value(self, data: Value) -> Value:
        return data


class FlagField(serializers.BooleanField):
    to_internal_value = staticmethod(parse_boolean)


class PresenceField(serializers.BooleanField):
    """Whether a time is set, such as that of a deletion; it is never read."""

    def __init__(self, **options: Value) -> None:
        super().__init__(read_only=True, **options)

    def to_representation(self, value: object) -> bool:
        return value is not None


class SecuredField(FlagField):
    """Whether only visitors with a password get through."""

    def get_attribute(self, instance: Datapoint) -> bool:
        return instance.is_secured or bool(instance.password)


class WordField(DescribedField, serializers.ChoiceField):
    """One of a few words, which only answers have."""

    def describe(self) -> Json:
        return {"type": "string", "enum": [*self.choices]}


class SwitchField(WordField):
    """A truth, which answers write as the text 0 or 1."""

    def __init__(self, **options: Value) -> None:
        super().__init__(["0", "1"], **options)

    def to_representation(self, value: object) -> str:
        return "1" if value else "0"


class NumberField(serializers.IntegerField):
    to_internal_value = staticmethod(parse_integer)


class ReferenceField(serializers.IntegerField):
    """The id of another row; 0 counts as omitted."""

    def to_internal_value(self, data: object) -> int:
        if number := parse_integer(data):
            return number
        raise SkipField


class AmountField(serializers.FloatField):
    """An amount of money, which the service reads."""

    def to_internal_value(self, data: object) -> Value:
        return data

    def to_representation(self, value: Decimal | float) -> Value:
        return float(value)


class NameOrNumberField(DescribedField, serializers.ChoiceField):
    """An enumeration: written as a number, read also by name."""

    def __init__(self, names: Mapping[str, int], **options: Value) -> None:
        super().__init__(sorted(set(names.values())), **options)
        self.names = lower_keys(names)
        self.words = [name for name in names if name[0].isupper()]

    def describe(self) -> Json:
        return {"enum": [*map(int, self.choices), *self.words]}

    def to_internal_value(self, data: object) -> Value:
        name = self.field_name or ""
        return parse_enum(data, self.names, name[:1].upper() + name[1:])


class RedirectTypeField(NameOrNumberField):
    """An enumeration of which 0 counts as omitted."""

    def to_internal_value(self, data: object) -> Value:
        if not data:
            raise SkipField
        return super().to_internal_value(data)


class TimeField(DescribedField, serializers.CharField):
    """A time written yyyyMMddHHmmss in UTC."""

    def describe(self) -> Json:
        return {"type": "string", "examples": ["20261129083000"]}

    def to_internal_value(self, data: object) -> datetime | None:  # type: ignore[override]
        return parse_optional_time(data, "ExpirationDate")

    def to_representation(self, value: datetime | None) -> str:  # type: ignore[override]
        return format_time(value)


class ObjectField(DescribedField, serializers.DictField):
    """An object with named texts; its names in our tables by those of its members."""

    def __init__(self, members: Mapping[str, str], **options: Value) -> None:
        super().__init__(**options)
        self.members = members

    def describe(self) -> Json:
        return describe_object(**dict.fromkeys(self.members, "string"))

    def to_internal_value(self, data: object) -> Json:
        urls = parse_object(data)
        if not urls:
            raise SkipField
        return {name: parse_text(urls.get(member.lower())) for member, name in self.members.items()}

    def to_representation(self, value: Mapping[str, str]) -> Json:
        return {member: value[name] for member, name in self.members.items() if value.get(name)}


class FirstUrlField(ObjectField):
    """The destination of a visitor's first click, stored as the text itself."""

    def to_internal_value(self, data: object) -> str:  # type: ignore[override]
        if url := parse_object(data).get("firstdestinationurl"):
            return parse_text(url)
        raise SkipField

    def to_representation(self, value: str) -> Json:  # type: ignore[override]
        return {"firstDestinationUrl": value}


class ItemsField(serializers.ListField):
    """The items of a batch, each of which is validated on its own."""

    to_internal_value = staticmethod(parse_list)  # type: ignore[assignment]


class UrlsField(DescribedField, serializers.ListField):
    """`[{url}]`, also read from `["url"]`."""

    members: ClassVar[dict[str, str]] = {"url": "string"}

    def describe(self) -> Json:
        return {"type": "array", "items": describe_object(**self.members)}

    def to_internal_value(self, data: object) -> list[object]:
        return [parse_text(item.get("url") if isinstance(item, dict) else item) for item in parse_list(data)]

    def to_representation(self, value: Sequence[object]) -> list[object]:
        return [{"url": url} for url in value]


class UrlsByCodeField(UrlsField):
    """`[{<code>, url}]`."""

    def __init__(self, code: str, **options: Value) -> None:
        super().__init__(**options)
        self.code = code

    def describe(self) -> Json:
        return {"type": "array", "items": describe_object(**{self.code: "string"}, **self.members)}

    def to_internal_value(self, data: object) -> list[object]:
        items = map(parse_object, parse_list(data))
        return [[parse_text(item.get(self.code.lower())), parse_text(item.get("url"))] for item in items]

    def to_representation(self, value: Sequence[Value]) -> list[object]:
        return [{self.code: code, "url": url} for code, url in value]


class WeightedUrlsField(UrlsField):
    """`[{url, weight}]`."""

    members: ClassVar[dict[str, str]] = {"url": "string", "weight": "integer"}

    def to_internal_value(self, data: object) -> list[object]:
        return [[parse_text(item.get("url")), item.get("weight")] for item in map(parse_object, parse_list(data))]

    def to_representation(self, value: Sequence[Value]) -> list[object]:
        return [{"url": url, "weight": weight} for url, weight in value]


class NamedRowsField(UrlsField):
    """`[{id, name}]` of related rows, also read from `[id]`."""

    members: ClassVar[dict[str, str]] = {"id": "integer", "name": "string"}

    def to_internal_value(self, data: object) -> list[object]:
        return [parse_integer(parse_object(item).get("id") or item) for item in parse_list(data)]

    def to_representation(self, value: Value) -> list[object]:
        return [{"id": row.pk, "name": row.name} for row in value.all()]


class TagsField(NamedRowsField):
    """Tags, also read from `["name"]`."""

    to_internal_value = staticmethod(parse_tags)  # type: ignore[assignment]
