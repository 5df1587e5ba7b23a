"""Rows of the account that its links use: groups, tags, conversions, domains, scripts and its two lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Exists, Model, OuterRef, QuerySet
from django_filters.rest_framework import ChoiceFilter, FilterSet
from rest_framework import mixins, serializers
from rest_framework.permissions import SAFE_METHODS
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts.api.lists import BooleanFilter, NameFilters
from accounts.api.resources import add_examples
from accounts.api.serializers import ClosedModelSerializer, require_instance
from accounts.models import HostClaim, Purpose
from accounts.selectors import has_verified
from links.api.link_resource import LinkResource
from links.models import Conversion, Datapoint, Domain, Group, ListEntry, ListKind, Script, Tag
from links.selectors import find_tags
from links.services import conversions as conversion_services
from links.services import domains as domain_services
from links.services import groups as group_services
from links.services import scripts_and_lists as list_services

GROUP_EXAMPLE = {
    "id": 21, "name": "Spring", "notes": "", "favourite": False, "redirect_only": False, "is_public": False,
    "tags": ["newsletter"], "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
TAG_EXAMPLE = {"id": 6, "name": "newsletter", "created": "2026-03-01T09:30:00Z"}
CONVERSION_EXAMPLE = {
    "id": 15, "name": "Order", "description": "", "value": "10.00", "currency": "EUR", "window_days": 30,
    "code": "5F2D81A0C4B94E7D8A6F3B1C2D0E9F78", "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
DOMAIN_EXAMPLE = {
    "id": 3, "name": "go.example.com", "kind": 3, "custom_404": "https://example.com/", "custom_homepage": "",
    "verified": True, "check_result": "go.example.com leads here.", "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
SCRIPT_EXAMPLE = {"id": 2, "name": "Pixel", "script": "track('click')", "created": "2026-03-01T09:30:00Z"}
ENTRY_EXAMPLE = {"id": 8, "listing": "blacklist", "value": "192.0.2.0/24", "created": "2026-03-01T09:30:00Z"}


Row = TypeVar("Row", bound=Model)


class GroupValues(TypedDict, total=False):
    """What a body says of a group, for the services."""

    name: str
    notes: str
    favourite: bool
    redirect_only: bool
    is_public: bool
    tags: Sequence[Tag | str]


class TagNamesField(serializers.ListField):
    """Tags by name; new ones are created by those who may."""

    child = serializers.CharField(max_length=100)

    def get_attribute(self, instance: Group | Datapoint) -> list[str]:
        return sorted(tag.name for tag in instance.tags.all())


@add_examples("A group", GROUP_EXAMPLE, {"name": "Spring", "tags": ["newsletter"]})
class GroupSerializer(ClosedModelSerializer):
    tags = TagNamesField(required=False, help_text="Names of tags")

    class Meta:
        model = Group
        fields = ("id", "name", "notes", "favourite", "redirect_only", "is_public", "tags", "created")
        read_only_fields = ("id", "created")


@add_examples("A tag", TAG_EXAMPLE, {"name": "newsletter"})
class TagSerializer(ClosedModelSerializer):
    class Meta:
        model = Tag
        fields = ("id", "name", "created")
        read_only_fields = ("id", "created")


@add_examples("A conversion", CONVERSION_EXAMPLE, {"name": "Order", "value": "10.00", "currency": "EUR"})
class ConversionSerializer(ClosedModelSerializer):
    code = serializers.CharField(read_only=True, help_text="By which pages report the conversion")

    class Meta:
        model = Conversion
        fields = ("id", "name", "description", "value", "currency", "window_days", "code", "created")
        read_only_fields = ("id", "created")


@add_examples("A domain", DOMAIN_EXAMPLE, {"name": "go.example.com", "custom_404": "https://example.com/"})
class DomainSerializer(ClosedModelSerializer):
    verified = serializers.SerializerMethodField(help_text="Links on it work only then")

    class Meta:
        model = Domain
        fields = ("id", "name", "kind", "custom_404", "custom_homepage", "verified", "check_result", "created")
        read_only_fields = ("id", "kind", "check_result", "created")

    def get_verified(self, domain: Domain) -> bool:
        if domain.account is None:
            return True
        annotated: bool | None = getattr(domain, "is_verified", None)
        return has_verified(domain.account, domain.name, Purpose.LINKS) if annotated is None else annotated


@add_examples("A script", SCRIPT_EXAMPLE, {"name": "Pixel", "script": "track('click')"})
class ScriptSerializer(ClosedModelSerializer):
    class Meta:
        model = Script
        fields = ("id", "name", "script", "created")
        read_only_fields = ("id", "created")


@add_examples("An address that is not tracked", ENTRY_EXAMPLE, {"listing": "blacklist", "value": "192.0.2.0/24"})
class ListEntrySerializer(ClosedModelSerializer):
    class Meta:
        model = ListEntry
        fields = ("id", "listing", "value", "created")
        read_only_fields = ("id", "created")


class GroupFilters(NameFilters):
    favourite = BooleanFilter()


class EntryFilters(FilterSet):
    listing = ChoiceFilter(choices=ListKind.choices)


class GroupViews(LinkResource[Group], ModelViewSet[Group]):
    """Groups of links. Deleting one deletes its links; their statistics stay."""

    noun, plural = "a group", "groups"
    queryset = Group.objects.none()
    serializer_class = GroupSerializer
    filterset_class = GroupFilters
    lookup_url_kwarg = "group_id"
    missing = "No such group."

    def get_queryset(self) -> QuerySet[Group]:
        return self.scope.groups(self.row_permission).filter(deleted=None).prefetch_related("tags")

    def perform_create(self, serializer: BaseSerializer[Group]) -> None:
        if not self.scope.edits_all:
            raise ValidationError("Guests cannot create groups, unless they may edit all links.")
        values = self.clean_values(serializer)
        serializer.instance = group_services.group_create(account=self.scope.account, **values)

    def perform_update(self, serializer: BaseSerializer[Group]) -> None:
        values = self.clean_values(serializer)
        serializer.instance = group_services.group_update(group=require_instance(serializer), **values)

    def perform_destroy(self, instance: Group) -> None:
        group_services.group_delete(group=instance)

    def clean_values(self, serializer: BaseSerializer[Group]) -> GroupValues:
        """Return the body's values with its tags found. Raises ValidationError for tags that may not be created."""
        values: GroupValues = serializer.validated_data.copy()
        if "tags" in values:
            values["tags"] = find_tags(self.scope, serializer.validated_data["tags"])
        return values


class TeamResource(LinkResource[Row]):
    """Rows of the account that only the team sees and changes."""

    reads = writes = "manage"


class TagViews(TeamResource[Tag], ModelViewSet[Tag]):
    """Labels on links and groups. Creating one that exists answers that one."""

    noun, plural = "a tag", "tags"
    queryset = Tag.objects.none()
    serializer_class = TagSerializer
    filterset_class = NameFilters
    lookup_url_kwarg = "tag_id"
    missing = "No such tag."

    def get_queryset(self) -> QuerySet[Tag]:
        return self.scope.tags()

    def perform_create(self, serializer: BaseSerializer[Tag]) -> None:
        serializer.instance = group_services.tag_create(account=self.scope.account, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer[Tag]) -> None:
        tag = require_instance(serializer)
        serializer.instance = group_services.tag_rename(tag=tag, name=serializer.validated_data.get("name", tag.name))

    def perform_destroy(self, instance: Tag) -> None:
        group_services.tag_delete(tag=instance)


class ConversionViews(TeamResource[Conversion], ModelViewSet[Conversion]):
    """Conversions of links. A deleted one counts nothing any more; its statistics stay."""

    noun, plural = "a conversion", "conversions"
    queryset = Conversion.objects.none()
    serializer_class = ConversionSerializer
    filterset_class = NameFilters
    lookup_url_kwarg = "conversion_id"
    missing = "No such conversion."

    def get_queryset(self) -> QuerySet[Conversion]:
        return self.scope.conversions().filter(deleted=None)

    def perform_create(self, serializer: BaseSerializer[Conversion]) -> None:
        values = serializer.validated_data
        serializer.instance = conversion_services.conversion_create(account=self.scope.account, **values)

    def perform_update(self, serializer: BaseSerializer[Conversion]) -> None:
        conversion = require_instance(serializer)
        serializer.instance = conversion_services.conversion_update(conversion=conversion, **serializer.validated_data)

    def perform_destroy(self, instance: Conversion) -> None:
        conversion_services.conversion_delete(conversion=instance)


class DomainViews(TeamResource[Domain], ModelViewSet[Domain]):
    """Host names for links: the installation's, and the account's own, which alone can be changed and deleted."""

    noun, plural = "a domain", "domains"
    queryset = Domain.objects.none()
    serializer_class = DomainSerializer
    filterset_class = NameFilters
    lookup_url_kwarg = "domain_id"
    missing = "No such domain."

    def get_queryset(self) -> QuerySet[Domain]:
        claims = HostClaim.objects.filter(
            account=OuterRef("account"), host=OuterRef("name"), purpose=Purpose.LINKS, verified__isnull=False
        )
        rows = self.scope.domains().select_related("account").annotate(is_verified=Exists(claims))
        return rows if self.request.method in SAFE_METHODS else rows.exclude(account=None)

    def perform_create(self, serializer: BaseSerializer[Domain]) -> None:
        values = serializer.validated_data
        serializer.instance = domain_services.domain_create(account=self.scope.account, **values)

    def perform_update(self, serializer: BaseSerializer[Domain]) -> None:
        domain, values = require_instance(serializer), {**serializer.validated_data}
        if values.pop("name", domain.name) != domain.name:
            raise ValidationError({"name": "A domain keeps its name; create another one."})
        serializer.instance = domain_services.domain_update(domain=domain, **values)

    def perform_destroy(self, instance: Domain) -> None:
        domain_services.domain_delete(domain=instance)


class ScriptViews(TeamResource[Script], ModelViewSet[Script]):
    """Retargeting scripts, which run before a link redirects."""

    noun, plural = "a script", "scripts"
    queryset = Script.objects.none()
    serializer_class = ScriptSerializer
    filterset_class = NameFilters
    lookup_url_kwarg = "script_id"
    missing = "No such script."

    def get_queryset(self) -> QuerySet[Script]:
        return self.scope.scripts()

    def perform_create(self, serializer: BaseSerializer[Script]) -> None:
        serializer.instance = self.write_row(serializer, None)

    def perform_update(self, serializer: BaseSerializer[Script]) -> None:
        serializer.instance = self.write_row(serializer, require_instance(serializer))

    def perform_destroy(self, instance: Script) -> None:
        list_services.script_delete(script=instance)

    def write_row(self, serializer: BaseSerializer[Script], script: Script | None) -> Script:
        """Create or change a script by the body's values."""
        values = serializer.validated_data
        name, text = values.get("name", script and script.name), values.get("script", script and script.script)
        return list_services.script_write(account=self.scope.account, script=script, name=name, text=text)


class EntryViews(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    TeamResource[ListEntry],
):
    """The account's two lists: addresses that are not tracked, and hosts a dynamic address may lead to."""

    noun, plural = "an entry", "entries of the lists"
    queryset = ListEntry.objects.none()
    serializer_class = ListEntrySerializer
    filterset_class = EntryFilters
    lookup_url_kwarg = "entry_id"
    missing = "No such entry."

    def get_queryset(self) -> QuerySet[ListEntry]:
        return self.scope.entries()

    def perform_create(self, serializer: BaseSerializer[ListEntry]) -> None:
        serializer.instance = list_services.entry_create(account=self.scope.account, **serializer.validated_data)

    def perform_destroy(self, instance: ListEntry) -> None:
        list_services.entry_delete(entry=instance)
