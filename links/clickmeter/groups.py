"""Operations on groups and their datapoints."""

from __future__ import annotations

from django.db.models import QuerySet
from django.db.models.functions import Lower

from links.clickmeter import selectors
from links.clickmeter.aggregates import build_summary
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.api_view import IsEditorOrReadOnly
from links.clickmeter.datapoints import create_datapoint
from links.clickmeter.errors import build_forbidden_error
from links.clickmeter.measured_views import MeasuredViews
from links.clickmeter.serializers import DatapointSummarySerializer, GroupSerializer, GroupSummarySerializer
from links.clickmeter.values import Json
from links.models import Group
from links.selectors import find_tags
from links.services import groups as services


class GroupViews(MeasuredViews[Group]):
    kind, what, nouns = "groups", "group", "groups"
    filters = "status tags textSearch createdAfter createdBefore write"
    narrowing = "status tag favourite"
    link_lookup = "group"
    dimension, name_field = "link_group", "name"
    serializer_class, summary_serializer_class = GroupSerializer, GroupSummarySerializer
    permission_classes = (IsEditorOrReadOnly,)

    def get_queryset(self) -> QuerySet[Group]:
        return self.request.scope.groups()

    def filter_queryset(self, queryset: QuerySet[Group]) -> QuerySet[Group]:  # type: ignore[override]
        rows = self.request.scope.groups(may="edit") if self.request.get_flag("write") else queryset
        return selectors.filter_groups(self.request, rows)

    def order(self, rows: QuerySet[Group]) -> QuerySet[Group]:
        return rows.order_by(Lower("name"), "pk")

    def read_fields(self, body: Json | None = None) -> Json:
        """Read a group's fields, with tags of the caller's scope. Raises ValidationError."""
        fields = super().read_fields(body)
        return fields | {"tags": find_tags(self.request.scope, fields["tags"])} if "tags" in fields else fields

    def change(self, row: Group, fields: Json) -> object:
        return services.group_update(group=row, **fields)

    def perform_destroy(self, row: Group) -> None:
        services.group_delete(group=row, now=self.request.now)

    def create(self, request: ApiRequest) -> Json:
        """Create a group; allowed for those who may edit everything and for guests with that option, who get the right
        to write."""
        scope = request.scope
        allowed = scope.membership.options.get("extendedGrants") or {}
        if not scope.edits_all and not allowed.get("allowGroupCreation"):
            raise build_forbidden_error()
        fields = {"name": "", **self.read_fields()}
        guest = None if scope.edits_all else scope.membership
        return selectors.build_reference(
            self.kind, services.group_create(account=request.account, shared_with=guest, **fields).pk
        )

    # -- links of a group ----------------------------------------------------------------------------------------------

    def create_datapoint(self, request: ApiRequest, **path: object) -> Json:
        row = create_datapoint(request, request.members, self.get_object())
        return selectors.build_reference("datapoints", row.pk)

    def summarize_datapoints(self, request: ApiRequest, **path: object) -> Json:
        return build_summary(request, self.filter_links(), "link", "title", DatapointSummarySerializer)
