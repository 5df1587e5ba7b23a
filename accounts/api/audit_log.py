"""The audit log of an account, for programs."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters.rest_framework import CharFilter, ChoiceFilter, FilterSet, IsoDateTimeFilter
from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from accounts.api.management_view import ManagementView
from accounts.api.serializers import ClosedModelSerializer
from accounts.audit.models import ActorType, AuditEntry, Via
from accounts.audit.selectors import select_entries
from accounts.models import Area

ENTRY_EXAMPLE = {
    "id": 4211, "at": "2026-05-20T08:00:00.123456Z", "action": "member.changed", "actor_type": "user", "actor_id": 12,
    "actor_label": "Alice (alice@example.org)", "via": "web", "target_type": "member", "target_id": "31",
    "target_label": "Bob (bob@example.org)", "changes": {"role": ["viewer", "editor"]}, "address": "203.0.113.7",
    "user_agent": "Mozilla/5.0", "request_id": "",
}  # fmt: skip


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"type": "array", "items": {}, "minItems": 2, "maxItems": 2},
        "description": "By field: the values before and after, null for none; dots stand for those that are not shown",
    }
)
class ChangesField(serializers.JSONField):
    """What an action changed."""


@extend_schema_serializer(examples=[OpenApiExample("A role was changed", value=ENTRY_EXAMPLE)])
class AuditEntrySerializer(ClosedModelSerializer):
    changes = ChangesField(read_only=True)

    class Meta:
        model = AuditEntry
        fields = (
            "id", "at", "action", "actor_type", "actor_id", "actor_label", "via", "target_type", "target_id",
            "target_label", "changes", "address", "user_agent", "request_id",
        )  # fmt: skip
        read_only_fields = fields


class AuditEntryFilters(FilterSet):
    actor = CharFilter(field_name="actor_label", lookup_expr="icontains", label="Text that the actor's label contains")
    actor_type = ChoiceFilter(choices=ActorType.choices)
    action = CharFilter(label="The name of an action, such as `member.changed`")
    target = CharFilter(
        field_name="target_label", lookup_expr="icontains", label="Text that the target's label contains"
    )
    target_type = CharFilter(label="The sort of object, such as `site`")
    target_id = CharFilter(label="The id of the object")
    via = ChoiceFilter(choices=Via.choices)
    since = IsoDateTimeFilter(field_name="at", lookup_expr="gte", label="From this time, inclusive")
    until = IsoDateTimeFilter(field_name="at", lookup_expr="lt", label="Until this time, exclusive")


@extend_schema_view(
    get=extend_schema(summary="List who did what in the account"),
)
class AuditEntries(ManagementView[AuditEntry], ListAPIView[AuditEntry]):
    """The account's audit log, the latest first, for owners and administrators."""

    area = Area.ACCOUNT
    queryset = AuditEntry.objects.none()
    serializer_class = AuditEntrySerializer
    filterset_class = AuditEntryFilters
    ordering = ("-pk",)

    def get_queryset(self) -> QuerySet[AuditEntry]:
        return select_entries(self.get_membership("manage").account.pk)
