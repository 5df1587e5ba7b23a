"""Fields of ClickMeter's entities, for `LenientSerializer`: they read what old clients send, and write what these know.

`to_internal_value` raises ApiError (400) for what it cannot read, and SkipField for a value that counts as omitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from rest_framework import serializers
from rest_framework.fields import SkipField

from links.clickmeter.times import format_time
from links.clickmeter.values import (
    Json,
    Value,
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

KINDS = {
    "trackinglink": DatapointKind.LINK, "tl": DatapointKind.LINK,
    "trackingpixel": DatapointKind.PIXEL, "tp": DatapointKind.PIXEL,
}  # fmt: skip
STATUSES = {
    "active": Status.ACTIVE, "paused": Status.PAUSED, "abuse": Status.BLOCKED, "spam": Status.BLOCKED,
    "deleted": Status.DELETED,
}  # fmt: skip
MODES = {
    "simple": Mode.SIMPLE, "randomdestination": Mode.RANDOM, "destinationbylanguage": Mode.LANGUAGE,
    "spilloverdestination": Mode.SPILLOVER, "dynamicurl": Mode.DYNAMIC, "browserdestination": Mode.BROWSER,
    "destinationbynation": Mode.NATION, "uniquedestination": Mode.UNIQUE, "sequentialdestination": Mode.SEQUENTIAL,
    "weighteddestination": Mode.WEIGHTED,
}  # fmt: skip
REDIRECT_TYPES = {"permanentredirect": 301, "temporaryredirect": 307}
REFERRER_CLEANS = {"none": ReferrerClean.NONE, "clean": ReferrerClean.CLEAN, "myself": ReferrerClean.MYSELF}
DOMAIN_KINDS = {
    "system": DomainKind.SYSTEM, "go": DomainKind.GO, "personal": DomainKind.PERSONAL,
    "dedicated": DomainKind.DEDICATED,
}  # fmt: skip
PROTOCOLS = {"http": 0, "https": 1}


class TextField(serializers.CharField):
    to_internal_value = staticmethod(parse_text)


class FlagField(serializers.BooleanField):
    to_internal_value = staticmethod(parse_boolean)


class SecuredField(FlagField):
    """Whether only visitors with a password get through."""

    def get_attribute(self, instance: Datapoint) -> bool:
        return instance.is_secured or bool(instance.password)


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


class NameOrNumberField(serializers.ChoiceField):
    """An enumeration: written as a number, read also by name."""

    def __init__(self, names: Mapping[str, int], **options: Value) -> None:
        super().__init__(sorted(set(names.values())), **options)
        self.names = names

    def to_internal_value(self, data: object) -> Value:
        name = self.field_name or ""
        return parse_enum(data, self.names, name[:1].upper() + name[1:])


class RedirectTypeField(NameOrNumberField):
    """An enumeration of which 0 counts as omitted."""

    def to_internal_value(self, data: object) -> Value:
        if not data:
            raise SkipField
        return super().to_internal_value(data)


class TimeField(serializers.CharField):
    """A time written yyyyMMddHHmmss in UTC."""

    def to_internal_value(self, data: object) -> datetime | None:  # type: ignore[override]
        return parse_optional_time(data, "ExpirationDate")

    def to_representation(self, value: datetime | None) -> str:  # type: ignore[override]
        return format_time(value)


class ObjectField(serializers.DictField):
    """An object with named texts; its names in our tables by those of its members."""

    def __init__(self, members: Mapping[str, str], **options: Value) -> None:
        super().__init__(**options)
        self.members = members

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


class UrlsField(serializers.ListField):
    """`[{url}]`, also read from `["url"]`."""

    def to_internal_value(self, data: object) -> list[object]:
        return [parse_text(item.get("url") if isinstance(item, dict) else item) for item in parse_list(data)]

    def to_representation(self, value: Sequence[object]) -> list[object]:
        return [{"url": url} for url in value]


class UrlsByCodeField(UrlsField):
    """`[{<code>, url}]`."""

    def __init__(self, code: str, **options: Value) -> None:
        super().__init__(**options)
        self.code = code

    def to_internal_value(self, data: object) -> list[object]:
        items = map(parse_object, parse_list(data))
        return [[parse_text(item.get(self.code.lower())), parse_text(item.get("url"))] for item in items]

    def to_representation(self, value: Sequence[Value]) -> list[object]:
        return [{self.code: code, "url": url} for code, url in value]


class WeightedUrlsField(UrlsField):
    """`[{url, weight}]`."""

    def to_internal_value(self, data: object) -> list[object]:
        return [[parse_text(item.get("url")), item.get("weight")] for item in map(parse_object, parse_list(data))]

    def to_representation(self, value: Sequence[Value]) -> list[object]:
        return [{"url": url, "weight": weight} for url, weight in value]


class NamedRowsField(serializers.ListField):
    """`[{id, name}]` of related rows, also read from `[id]`."""

    def to_internal_value(self, data: object) -> list[object]:
        return [parse_integer(parse_object(item).get("id") or item) for item in parse_list(data)]

    def to_representation(self, value: Value) -> list[object]:
        return [{"id": row.pk, "name": row.name} for row in value.all()]


class TagsField(NamedRowsField):
    """Tags, also read from `["name"]`."""

    to_internal_value = staticmethod(parse_tags)  # type: ignore[assignment]
