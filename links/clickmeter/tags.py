"""Tags, and what they are on."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework.response import Response

from links.clickmeter import selectors
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.api_view import IsManagerOrReadOnly
from links.clickmeter.parameters import TAG_TYPE
from links.clickmeter.patches import PatchSerializer, TextPatchSerializer
from links.clickmeter.row_views import RowViews
from links.clickmeter.serializers import GroupSerializer, TagSerializer
from links.clickmeter.values import Json, parse_action, parse_ids, parse_text
from links.models import Datapoint, DatapointKind, Group, Tag
from links.selectors import find_rows
from links.services import groups as services


class TagViews(RowViews[Tag]):
    kind, what, nouns = "tags", "tag", "tags"
    filters, link_filters = "name datapoints groups tagType", "type status textSearch createdAfter createdBefore"
    link_lookup = "tags"
    serializer_class = TagSerializer
    permission_classes = (IsManagerOrReadOnly,)

    def get_queryset(self) -> QuerySet[Tag]:
        return self.request.scope.tags()

    def filter_queryset(self, queryset: QuerySet[Tag]) -> QuerySet[Tag]:  # type: ignore[override]
        """Filter the tags of a list or count. Filters by links and groups consider only what the caller may see."""
        request, scope = self.request, self.request.scope
        links, groups = scope.datapoints(), scope.groups()
        rows = selectors.filter_by_pattern(queryset, request.get_text("name"))
        if numbers := parse_ids(request.get_text("datapoints")):
            rows = rows.filter(datapoints__in=links.filter(pk__in=numbers))
        if numbers := parse_ids(request.get_text("groups")):
            rows = rows.filter(groups__in=groups.filter(pk__in=numbers))
        kind = request.get_choice(TAG_TYPE)
        if kind == "gr":
            rows = rows.filter(groups__in=groups)
        elif kind == "dp":
            rows = rows.filter(datapoints__in=links)
        elif kind:
            of_kind = links.filter(kind=DatapointKind.PIXEL if kind == "tp" else DatapointKind.LINK)
            rows = rows.filter(datapoints__in=of_kind)
        return selectors.filter_by_creation(rows.distinct(), request)

    def create(self, request: ApiRequest) -> Json:
        """Create a tag, or find it by name, and add it to the named links and groups."""
        scope, body = request.scope, request.members
        links = find_rows(scope.datapoints(), parse_ids(body.get("datapoints")), "datapoint", "datapoints")
        groups = find_rows(scope.groups(), parse_ids(body.get("groups")), "group", "groups")
        name = parse_text(body.get("name"))
        tag = services.tag_create(account=request.account, name=name, links=links, groups=groups)
        return selectors.build_reference(self.kind, tag.pk)

    def perform_destroy(self, row: Tag) -> None:
        services.tag_delete(tag=row)

    def rename(self, request: ApiRequest, **path: object) -> Json:
        row = self.get_object()
        services.tag_rename(tag=row, name=self.read(TextPatchSerializer).get("text", ""))
        return selectors.build_reference(self.kind, row.pk)

    # -- what it is on -------------------------------------------------------------------------------------------------

    def filter_groups(self) -> QuerySet[Group]:
        return selectors.filter_groups(self.request, self.request.scope.groups().filter(tags=self.get_object()))

    def groups(self, request: ApiRequest, **path: object) -> Response:
        return self.list_page(self.filter_groups(), "groups", GroupSerializer)

    def count_groups(self, request: ApiRequest, **path: object) -> Json:
        return {"count": self.filter_groups().count()}

    def clear_datapoints(self, request: ApiRequest, **path: object) -> Json:
        row = self.get_object()
        services.tag_clear(tag=row, links=True)
        return selectors.build_reference(self.kind, row.pk)

    def clear_groups(self, request: ApiRequest, **path: object) -> Json:
        row = self.get_object()
        services.tag_clear(tag=row, groups=True)
        return selectors.build_reference(self.kind, row.pk)

    def patch_datapoint(self, request: ApiRequest, **path: object) -> Json:
        """Add the tag to a link or remove it. The response names the link, not the tag."""
        tag = self.get_object()
        row = selectors.find_datapoint(request, self.read(PatchSerializer).get("id", 0), may="edit")
        return self.change_tag(tag, row, "datapoints")

    def patch_group(self, request: ApiRequest, **path: object) -> Json:
        tag = self.get_object()
        row = selectors.find_group(request, self.read(PatchSerializer).get("id", 0), may="edit")
        return self.change_tag(tag, row, "groups")

    def change_tag(self, tag: Tag, row: Datapoint | Group, kind: str) -> Json:
        """Add the tag to a row or remove it; return a reference to the row."""
        change = services.tag_add if parse_action(self.read(PatchSerializer)) == "add" else services.tag_remove
        change(tag=tag, row=row)
        return selectors.build_reference(kind, row.pk)
