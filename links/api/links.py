"""Links and pixels in the management API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters.rest_framework import CharFilter, ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts.api.lists import BooleanFilter, IdFilter
from accounts.api.resources import add_examples
from accounts.api.serializers import ClosedModelSerializer, require_instance
from links.api.account_resources import TagNamesField
from links.api.link_resource import LinkResource
from links.models import Datapoint, DatapointKind, DomainKind, Mode, Status
from links.public_urls import build_tracking_url
from links.selectors import find_row, find_rows, find_tags
from links.services.links import datapoint_create, datapoint_delete, datapoint_update

LINK_EXAMPLE = {
    "id": 1042, "kind": 0, "status": 0, "tracking_url": "https://go.example.com/spring", "alias": "spring",
    "domain": 3, "group": 21, "title": "Spring", "notes": "", "favourite": False, "tags": ["newsletter"],
    "url": "https://example.com/spring", "first_url": "", "mode": 0, "rules": {}, "redirect_type": 301,
    "append_query": False, "encode_url": False, "hide_url": False, "hide_url_title": "", "referrer_clean": 0,
    "is_ab_test": False, "has_password": False, "starts": None, "expiration_date": None, "url_after_date": "",
    "pause_after_date": False, "expiration_clicks": 0, "url_after_clicks": "", "pause_after_clicks": False,
    "parameter_note": "", "encode_ip": False, "redirect_only": False, "cost": "0.0000", "conversions": [15],
    "scripts": [], "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
NEW_LINK_EXAMPLE = {"url": "https://example.com/spring", "alias": "spring", "domain": 3, "group": 21}


@extend_schema_field({"type": "object"})
class RulesField(serializers.JSONField):
    """What the mode of a link needs, which the service validates."""


class ConversionIdsField(serializers.ListField):
    """The ids of a link's conversions, by their positions."""

    child = serializers.IntegerField()

    def get_attribute(self, instance: Datapoint) -> list[int]:
        return [row.conversion_id for row in instance.attached.all()]


class ScriptIdsField(serializers.ListField):
    """The ids of a link's scripts."""

    child = serializers.IntegerField()

    def get_attribute(self, instance: Datapoint) -> list[int]:
        return sorted(script.pk for script in instance.scripts.all())


@add_examples("A link", LINK_EXAMPLE, NEW_LINK_EXAMPLE)
class LinkSerializer(ClosedModelSerializer):
    """A link or pixel. The services validate most values, so that pages and API reject the same ones."""

    tracking_url = serializers.SerializerMethodField(help_text="The address to publish")
    domain = serializers.IntegerField(source="domain_id", required=False, help_text="Empty: the installation's")
    group = serializers.IntegerField(source="group_id", required=False, help_text="Empty: the account's first group")
    alias = serializers.CharField(required=False, allow_blank=True, help_text="Empty: a random one. It never changes")
    tags = TagNamesField(required=False, help_text="Names of tags")
    rules = RulesField(required=False, help_text="What the mode needs, such as weights or countries")
    password = serializers.CharField(write_only=True, required=False, allow_blank=True, max_length=100)
    has_password = serializers.SerializerMethodField()
    conversions = ConversionIdsField(source="attached", required=False, help_text="Ids, at most five, in this order")
    scripts = ScriptIdsField(required=False, help_text="Ids")

    class Meta:
        model = Datapoint
        fields = (
            "id", "kind", "status", "tracking_url", "alias", "domain", "group", "title", "notes", "favourite", "tags",
            "url", "first_url", "mode", "rules", "redirect_type", "append_query", "encode_url", "hide_url",
            "hide_url_title", "referrer_clean", "is_ab_test", "password", "has_password", "starts", "expiration_date",
            "url_after_date", "pause_after_date", "expiration_clicks", "url_after_clicks", "pause_after_clicks",
            "parameter_note", "encode_ip", "redirect_only", "cost", "conversions", "scripts", "created",
        )  # fmt: skip
        read_only_fields = ("id", "created")

    def get_tracking_url(self, link: Datapoint) -> str:
        return build_tracking_url(link)

    def get_has_password(self, link: Datapoint) -> bool:
        return bool(link.password)


class LinkFilters(FilterSet):
    title = CharFilter(lookup_expr="icontains", label="Text that the title contains")
    url = CharFilter(lookup_expr="icontains", label="Text that the destination contains")
    alias = CharFilter(field_name="alias_key", lookup_expr="iexact", label="The alias")
    group = IdFilter()
    kind = ChoiceFilter(choices=DatapointKind.choices)
    status = ChoiceFilter(choices=Status.choices[:3])
    mode = ChoiceFilter(choices=Mode.choices)
    favourite = BooleanFilter()


class LinkViews(LinkResource[Datapoint], ModelViewSet[Datapoint]):
    """Links and pixels. A deleted one keeps its statistics, and its alias is never free again."""

    noun, plural = "a link", "links"
    queryset = Datapoint.objects.none()
    serializer_class = LinkSerializer
    filterset_class = LinkFilters
    ordering = ("-pk",)
    lookup_url_kwarg = "datapoint_id"
    missing = "No such link."

    def get_queryset(self) -> QuerySet[Datapoint]:
        rows = self.scope.datapoints(self.row_permission).exclude(status=Status.DELETED)
        return rows.prefetch_related("tags", "attached", "scripts")

    def perform_create(self, serializer: BaseSerializer[Datapoint]) -> None:
        values = self.resolve_ids(serializer.validated_data)
        if not self.scope.edits_all and "group" not in values:
            raise ValidationError({"group": "Choose a group you may write to."})
        serializer.instance = datapoint_create(account=self.scope.account, **values)

    def perform_update(self, serializer: BaseSerializer[Datapoint]) -> None:
        link, values = require_instance(serializer), {**serializer.validated_data}
        for name, present in (("kind", link.kind), ("alias", link.alias), ("domain_id", link.domain_id)):
            if values.pop(name, present) != present:
                label = name.removesuffix("_id")
                raise ValidationError({label: f"The {label} of a link cannot be changed; create another link."})
        if values.get("group_id") == link.group_id:
            # unchanged: somebody who may write to the link, but not to its group, may leave it there
            del values["group_id"]
        datapoint_update(datapoint=link, **self.resolve_ids(values))
        serializer.instance = self.get_queryset().get(pk=link.pk)

    def perform_destroy(self, instance: Datapoint) -> None:
        datapoint_delete(datapoint=instance)

    def resolve_ids(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body's values with the rows that their ids name. Raises ValidationError for those of others."""
        values, scope = {**sent}, self.scope
        if (number := values.pop("domain_id", None)) is not None:
            values["domain"] = find_row(scope.domains().exclude(kind=DomainKind.GO), number, "domain", "domain")
        if (number := values.pop("group_id", None)) is not None:
            values["group"] = find_row(scope.groups("edit").filter(deleted=None), number, "group", "group")
        if "tags" in values:
            values["tags"] = find_tags(scope, values["tags"])
        if "attached" in values:
            rows = scope.conversions().filter(deleted=None)
            values["conversions"] = find_rows(rows, values.pop("attached"), "conversion", "conversions")
        if "scripts" in values:
            values["scripts"] = find_rows(scope.scripts(), values["scripts"], "script", "scripts")
        return values
