"""Serializers of ClickMeter's entities: what a body may have, and what an answer has."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, Prefetch, prefetch_related_objects
from rest_framework import serializers

from links.clickmeter import fields
from links.clickmeter.fields import FlagField, NumberField, TextField, TimeField
from links.clickmeter.lenient_serializer import AnyField, LenientSerializer
from links.clickmeter.selectors import find_shared_ids
from links.clickmeter.values import Json, Value, parse_integer
from links.models import Datapoint, DatapointKind, Group, LinkConversion, Status, Tag
from links.permissions import DATAPOINT, GROUP
from links.public_urls import build_tracking_url

POSITION_NAMES = ("first", "second", "third", "fourth", "fifth")
CONVERSION_MEMBERS = tuple(f"{place}conversionid" for place in POSITION_NAMES)
CONVERSION_FIELDS = {
    f"{place}Conversion{what}": field
    for place in POSITION_NAMES
    for what, field in (("Id", NumberField), ("Name", TextField))
}


class RedirectSerializer(LenientSerializer):
    """typeTL, the redirect of a link. A password is never written; isSecured says that there is one."""

    always_written = frozenset({"url", "firstUrl", "redirectType", "domainId"})

    url = TextField()
    firstUrl = TextField(source="first_url")
    redirectType = fields.RedirectTypeField(fields.REDIRECT_TYPES, source="redirect_type")
    domainId = fields.ReferenceField(source="domain_id")
    destinationMode = fields.NameOrNumberField(fields.MODES, source="mode")
    appendQuery = FlagField(source="append_query")
    encodeUrl = FlagField(source="encode_url")
    hideUrl = FlagField(source="hide_url")
    hideUrlTitle = TextField(source="hide_url_title")
    isABTest = FlagField(source="is_ab_test")
    password = TextField(write_only=True)
    referrerClean = fields.NameOrNumberField(fields.REFERRER_CLEANS, source="referrer_clean")
    goDomainId = NumberField(source="go_domain_id")
    expirationClicks = NumberField(source="expiration_clicks")
    expirationDate = TimeField(source="expiration_date")
    pauseAfterClicksExpiration = FlagField(source="pause_after_clicks")
    pauseAfterDateExpiration = FlagField(source="pause_after_date")
    urlAfterClicksExpiration = TextField(source="url_after_clicks")
    urlAfterDateExpiration = TextField(source="url_after_date")
    # The destinations of the modes, in the shape of `links.routing.rules`
    randomDestinationItems = fields.UrlsField(source="rules.random")
    sequentialDestinationItems = fields.UrlsField(source="rules.sequential")
    spilloverDestinationItems = fields.UrlsField(source="rules.spillover")
    weightedDestinationItems = fields.WeightedUrlsField(source="rules.weighted")
    urlsByLanguage = fields.UrlsByCodeField("languageCode", source="rules.languages")
    urlsByNation = fields.UrlsByCodeField("nation", source="rules.nations")
    browserDestinationItem = fields.ObjectField(
        {"emailDestinationUrl": "email", "mobileDestinationUrl": "mobile", "spidersDestinationUrl": "spiders"},
        source="rules.browser",
    )
    uniqueDestinationItem = fields.FirstUrlField({"firstDestinationUrl": "first"}, source="rules.first")
    scripts = fields.NamedRowsField()


class PixelSerializer(LenientSerializer):
    """typeTP, what only pixels have."""

    parameterNote = TextField(source="parameter_note")


REDIRECT, PIXEL = RedirectSerializer(), PixelSerializer()


class DatapointSerializer(LenientSerializer):
    """A link or pixel. Its alias, kind and domain are read when it is created."""

    always_written = frozenset({"id", "name", "title", "trackingCode", "tags", "groupId", "groupName", "creationDate"})
    custom_members = frozenset({"typeTL", "typeTP", *CONVERSION_FIELDS})

    id = NumberField(source="pk", read_only=True)
    name = TextField(source="alias", read_only=True)
    type = fields.NameOrNumberField(fields.KINDS, source="kind", read_only=True)
    status = fields.NameOrNumberField(fields.STATUSES)
    title = TextField()
    trackingCode = serializers.SerializerMethodField()
    tags = fields.TagsField()
    groupId = fields.ReferenceField(source="group_id")
    groupName = TextField(source="group.name", read_only=True)
    creationDate = TimeField(source="created", read_only=True)
    notes = TextField()
    preferred = FlagField(source="favourite")
    encodeIp = FlagField(source="encode_ip")
    isPublic = FlagField(source="is_public")
    isSecured = fields.SecuredField(source="is_secured")
    lightTracking = FlagField(source="light_tracking")
    redirectOnly = FlagField(source="redirect_only")
    writePermited = serializers.SerializerMethodField()
    typeTL = RedirectSerializer(source="*", required=False)
    typeTP = PixelSerializer(source="*", required=False)

    def get_fields(self) -> dict[str, AnyField]:
        """Return the fields, with those of the attached conversions, of which only the ids are read."""
        return super().get_fields() | {name: field(read_only=True) for name, field in CONVERSION_FIELDS.items()}

    def prepare(self, rows: Sequence[Value]) -> None:
        attached = Prefetch("attached", queryset=LinkConversion.objects.select_related("conversion"))
        prefetch_related_objects(rows, "group", "domain", "tags", "scripts", attached)

    def get_trackingCode(self, row: Datapoint) -> str:
        return build_tracking_url(row)

    def get_writePermited(self, row: Datapoint) -> bool:
        return self.scope.may_edit(row)

    def to_internal_value(self, data: Json) -> Json:
        """Read the fields of `links.services.links`; the domain also from the link itself, as some clients send it."""
        values = super().to_internal_value(data)
        if not data.keys().isdisjoint(CONVERSION_MEMBERS):
            values["conversions"] = [parse_integer(data.get(member)) for member in CONVERSION_MEMBERS]
        if data.get("typetl") and (number := data.get("domainid") and parse_integer(data["domainid"])):
            values.setdefault("domain", number)
        return values

    def to_representation(self, instance: Datapoint) -> Json:
        result = super().to_representation(instance)
        for link_conversion in instance.attached.all():
            name = POSITION_NAMES[link_conversion.position - 1]
            result[f"{name}ConversionId"] = link_conversion.conversion_id
            result[f"{name}ConversionName"] = link_conversion.conversion.name
        if instance.kind == DatapointKind.PIXEL:
            return result | {"typeTP": PIXEL.to_representation(instance)}
        return result | {"typeTL": REDIRECT.to_representation(instance)}


class GroupSerializer(LenientSerializer):
    always_written = frozenset({"id", "name", "creationDate", "tags"})

    id = NumberField(source="pk", read_only=True)
    name = TextField()
    creationDate = TimeField(source="created", read_only=True)
    tags = fields.TagsField()
    notes = TextField()
    preferred = FlagField(source="favourite")
    redirectOnly = FlagField(source="redirect_only")
    isPublic = FlagField(source="is_public")
    deleted = fields.PresenceField()
    writePermited = serializers.SerializerMethodField()

    def prepare(self, rows: Sequence[Value]) -> None:
        prefetch_related_objects(rows, "tags")

    def get_writePermited(self, row: Group) -> bool:
        return self.scope.may_edit(row)


class ConversionSerializer(LenientSerializer):
    always_written = frozenset({"id", "name", "code", "creationDate", "value"})

    id = NumberField(source="pk", read_only=True)
    name = TextField()
    code = TextField(read_only=True)
    creationDate = TimeField(source="created", read_only=True)
    value = fields.AmountField()
    description = TextField()
    protocol = fields.NameOrNumberField(fields.PROTOCOLS)
    deleted = fields.PresenceField()


class TagSerializer(LenientSerializer):
    """A tag, with the ids of its links and groups in the caller's scope."""

    always_written = frozenset({"id", "name", "datapoints", "groups"})

    id = NumberField(source="pk", read_only=True)
    name = TextField()
    datapoints = serializers.SerializerMethodField()
    groups = serializers.SerializerMethodField()

    def prepare(self, rows: Sequence[Value]) -> None:
        on_links = Datapoint.tags.through.objects.filter(tag__in=rows, datapoint__in=self.scope.datapoints())
        on_groups = Group.tags.through.objects.filter(tag__in=rows, group__in=self.scope.groups())
        self.links: dict[int, list[int]] = {}
        self.campaigns: dict[int, list[int]] = {}
        for tag_id, number in on_links.order_by("datapoint_id").values_list("tag_id", "datapoint_id"):
            self.links.setdefault(tag_id, []).append(number)
        for tag_id, number in on_groups.order_by("group_id").values_list("tag_id", "group_id"):
            self.campaigns.setdefault(tag_id, []).append(number)

    def get_datapoints(self, row: Tag) -> list[int]:
        return self.links.get(row.pk, [])

    def get_groups(self, row: Tag) -> list[int]:
        return self.campaigns.get(row.pk, [])


class DomainSerializer(LenientSerializer):
    """A domain. Its name and type are read when it is created."""

    always_written = frozenset({"id", "name"})

    id = NumberField(source="pk", read_only=True)
    name = TextField(read_only=True)
    type = fields.NameOrNumberField(fields.DOMAIN_KINDS, source="kind", read_only=True)
    custom404 = TextField(source="custom_404")
    customHomepage = TextField(source="custom_homepage")


class ScriptSerializer(LenientSerializer):
    always_written = frozenset({"id", "name", "script"})

    id = NumberField(source="pk", read_only=True)
    name = TextField()
    script = TextField()


class EntrySerializer(LenientSerializer):
    """An entry of the list of domains."""

    always_written = frozenset({"id", "name"})

    id = TextField(source="code", read_only=True)
    name = TextField(source="value")


class AddressEntrySerializer(LenientSerializer):
    """An entry of the list of addresses."""

    always_written = frozenset({"id", "ip"})

    id = TextField(source="code", read_only=True)
    ip = TextField(source="value")


class DatapointSummarySerializer(LenientSerializer):
    """A link or pixel, as aggregates and hits describe it."""

    always_written = frozenset({
        "datapointId", "datapointName", "datapointTitle", "datapointType", "groupId", "groupName", "notes",
        "creationDate", "tags", "trackingCode",
    })  # fmt: skip

    datapointId = NumberField(source="pk")
    datapointName = TextField(source="alias")
    datapointTitle = TextField(source="title")
    datapointType = serializers.SerializerMethodField()
    groupId = NumberField(source="group_id")
    groupName = TextField(source="group.name")
    notes = TextField()
    creationDate = TimeField(source="created")
    tags = fields.TagsField()
    trackingCode = serializers.SerializerMethodField()
    destinationUrl = TextField(source="url")
    status = fields.NameOrNumberField(fields.STATUSES)
    datapointFavourite = FlagField(source="favourite")
    isPublic = FlagField(source="is_public")
    isABTest = FlagField(source="is_ab_test")
    isPrivateShared = serializers.SerializerMethodField()

    def prepare(self, rows: Sequence[Value]) -> None:
        prefetch_related_objects(rows, "group", "domain", "tags")
        self.shared = find_shared_ids(DATAPOINT, rows, [row.pk for row in rows])
        self.shared_groups = find_shared_ids(GROUP, rows, [row.group_id for row in rows])

    def get_datapointType(self, row: Datapoint) -> str:
        return fields.TYPE_NAMES[DatapointKind(row.kind)]

    def get_trackingCode(self, row: Datapoint) -> str:
        return build_tracking_url(row)

    def get_isPrivateShared(self, row: Datapoint) -> bool:
        return row.pk in self.shared or row.group_id in self.shared_groups


class GroupSummarySerializer(LenientSerializer):
    """A group, as aggregates describe it."""

    always_written = frozenset({"groupId", "groupName", "creationDate", "tags", "linksCount"})

    groupId = NumberField(source="pk")
    groupName = TextField(source="name")
    creationDate = TimeField(source="created")
    tags = fields.TagsField()
    linksCount = serializers.SerializerMethodField()
    groupFavourite = FlagField(source="favourite")
    deleted = fields.PresenceField()
    isPrivateShared = serializers.SerializerMethodField()

    def prepare(self, rows: Sequence[Value]) -> None:
        prefetch_related_objects(rows, "tags")
        there = Datapoint.objects.filter(group__in=rows).exclude(status=Status.DELETED)
        self.counts = dict(there.order_by().values_list("group_id").annotate(Count("pk")))
        self.shared = find_shared_ids(GROUP, rows, [row.pk for row in rows])

    def get_linksCount(self, row: Group) -> int:
        return int(self.counts.get(row.pk, 0))

    def get_isPrivateShared(self, row: Group) -> bool:
        return row.pk in self.shared


class ConversionSummarySerializer(LenientSerializer):
    """A conversion, as aggregates describe it."""

    always_written = frozenset({"id", "name", "value", "date"})

    id = NumberField(source="pk")
    name = TextField()
    value = fields.AmountField()
    date = TimeField(source="created")
    deleted = fields.PresenceField()
