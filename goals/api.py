"""Goals, funnels and segments of a site in the management API."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404
from django_filters.rest_framework import ChoiceFilter
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts.api.lists import BooleanFilter, NameFilters
from accounts.api.resources import add_examples
from accounts.api.serializers import ClosedModelSerializer, ClosedSerializer, require_instance
from accounts.models import Area, User
from goals.models import Funnel, Goal, GoalKind, Segment
from goals.selectors import filter_visible_segments
from goals.services import (
    funnel_delete,
    funnel_save,
    goal_create,
    goal_delete,
    goal_update,
    segment_create,
    segment_delete,
    segment_update,
)
from sites.selectors import may_on_site
from sites.site_resources import SiteResource

GOAL_EXAMPLE = {
    "id": 41, "name": "Order", "kind": "page", "pattern_kind": "wildcard", "pattern": "/thanks*", "page": "",
    "text": "", "threshold": 0, "conversion": True, "fixed_revenue": "49.0000", "currency": "EUR", "active": True,
    "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
NEW_GOAL_EXAMPLE = {"name": "Order", "kind": "page", "pattern_kind": "wildcard", "pattern": "/thanks*"}
FUNNEL_EXAMPLE = {
    "id": 8, "name": "Checkout", "steps": [{"page": "/cart"}, {"goal": 41}], "strict": False,
    "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
NEW_FUNNEL_EXAMPLE = {"name": "Checkout", "steps": [{"page": "/cart"}, {"goal": 41}]}
SEGMENT_EXAMPLE = {
    "id": 5, "name": "From Estonia", "filter": [{"dimension": "country", "operator": "is", "value": ["EE"]}],
    "shared": True, "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
NEW_SEGMENT_EXAMPLE = {name: SEGMENT_EXAMPLE[name] for name in ("name", "filter", "shared")}


@extend_schema_field({"oneOf": [{"type": "array", "items": {"type": "object"}}, {"type": "object"}]})
class FilterField(serializers.JSONField):
    """The filter of a segment, as in `filters` of `/api/query`, which the service validates."""


@add_examples("A goal", GOAL_EXAMPLE, NEW_GOAL_EXAMPLE)
class GoalSerializer(ClosedModelSerializer):
    class Meta:
        model = Goal
        fields = (
            "id", "name", "kind", "pattern_kind", "pattern", "page", "text", "threshold", "conversion",
            "fixed_revenue", "currency", "active", "created",
        )  # fmt: skip
        read_only_fields = ("id", "created")


class FunnelStepSerializer(ClosedSerializer):
    """A step of a funnel: a goal or a page."""

    goal = serializers.IntegerField(required=False, help_text="The id of an active goal of the site")
    page = serializers.CharField(required=False, help_text="A path such as /cart or /blog/*")


@add_examples("A funnel", FUNNEL_EXAMPLE, NEW_FUNNEL_EXAMPLE)
class FunnelSerializer(ClosedModelSerializer):
    steps = FunnelStepSerializer(many=True)

    class Meta:
        model = Funnel
        fields = ("id", "name", "steps", "strict", "created")
        read_only_fields = ("id", "created")


@add_examples("A segment", SEGMENT_EXAMPLE, NEW_SEGMENT_EXAMPLE)
class SegmentSerializer(ClosedModelSerializer):
    filter = FilterField(help_text="Conditions as in `filters` of `/api/query`")

    class Meta:
        model = Segment
        fields = ("id", "name", "filter", "shared", "created")
        read_only_fields = ("id", "created")


class GoalFilters(NameFilters):
    kind = ChoiceFilter(choices=GoalKind.choices)
    active = BooleanFilter()
    conversion = BooleanFilter()


class GoalViews(SiteResource[Goal], ModelViewSet[Goal]):
    """The goals of a site."""

    area = Area.REPORTS
    noun, plural = "a goal", "goals"
    queryset = Goal.objects.none()
    serializer_class = GoalSerializer
    filterset_class = GoalFilters
    lookup_url_kwarg = "goal_id"
    missing = "No such goal."

    def get_queryset(self) -> QuerySet[Goal]:
        return self.site.goals.all()

    def perform_create(self, serializer: BaseSerializer[Goal]) -> None:
        serializer.instance = goal_create(site=self.site, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer[Goal]) -> None:
        serializer.instance = goal_update(goal=require_instance(serializer), **serializer.validated_data)

    def perform_destroy(self, instance: Goal) -> None:
        goal_delete(goal=instance)


class FunnelViews(SiteResource[Funnel], ModelViewSet[Funnel]):
    """The funnels of a site."""

    area = Area.REPORTS
    noun, plural = "a funnel", "funnels"
    queryset = Funnel.objects.none()
    serializer_class = FunnelSerializer
    filterset_class = NameFilters
    lookup_url_kwarg = "funnel_id"
    missing = "No such funnel."

    def get_queryset(self) -> QuerySet[Funnel]:
        return self.site.funnels.all()

    def perform_create(self, serializer: BaseSerializer[Funnel]) -> None:
        serializer.instance = funnel_save(site=self.site, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer[Funnel]) -> None:
        funnel = require_instance(serializer)
        values = {"name": funnel.name, "steps": funnel.steps, "strict": funnel.strict, **serializer.validated_data}
        serializer.instance = funnel_save(site=self.site, funnel=funnel, **values)

    def perform_destroy(self, instance: Funnel) -> None:
        funnel_delete(funnel=instance)


class SegmentViews(SiteResource[Segment], ModelViewSet[Segment]):
    """The shared segments of a site and the caller's own. Everybody who may see the site can have some of their own."""

    area = Area.REPORTS
    noun, plural = "a segment", "segments"
    writes = "view"
    queryset = Segment.objects.none()
    serializer_class = SegmentSerializer
    filterset_class = NameFilters
    lookup_url_kwarg = "segment_id"
    missing = "No such segment."

    def get_queryset(self) -> QuerySet[Segment]:
        user = self.acting_user
        return filter_visible_segments([self.site.pk], user.pk if user else None)

    def perform_create(self, serializer: BaseSerializer[Segment]) -> None:
        owner, values = self.acting_user, serializer.validated_data
        self.check_shared(values.get("shared", False), owner)
        serializer.instance = segment_create(site=self.site, owner=owner, **values)

    def perform_update(self, serializer: BaseSerializer[Segment]) -> None:
        segment = require_instance(serializer)
        self.check_owner(segment)
        self.check_shared(serializer.validated_data.get("shared", segment.shared), segment.owner)
        serializer.instance = segment_update(segment=segment, **serializer.validated_data)

    def perform_destroy(self, instance: Segment) -> None:
        self.check_owner(instance)
        segment_delete(segment=instance)

    def check_owner(self, segment: Segment) -> None:
        """Raise Http404 unless the segment is the caller's own, or they may edit the site."""
        user = self.acting_user
        if (user is None or segment.owner_id != user.pk) and not self.may_share():
            raise Http404(self.missing)

    def check_shared(self, shared: bool, owner: User | None) -> None:
        """Raise ValidationError for a segment that the caller may not share, and for one that nobody could see."""
        if shared and not self.may_share():
            raise ValidationError({"shared": "Only those who may edit the site can share a segment."})
        if not shared and owner is None:
            raise ValidationError({"shared": "The account's key has no segments of its own; send true."})

    def may_share(self) -> bool:
        """Whether the caller may share segments with all who may see the site."""
        return may_on_site(self.request.user, self.site, "edit")
