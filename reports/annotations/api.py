"""The annotations of a site in the management API."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters.rest_framework import CharFilter, FilterSet, IsoDateTimeFilter
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts.api.resources import add_examples
from accounts.api.serializers import ClosedModelSerializer, require_instance
from accounts.models import Area
from reports.annotations.models import Note
from reports.annotations.services import note_add, note_delete, note_update
from sites.site_resources import SiteResource

NOTE_EXAMPLE = {"id": 17, "at": "2026-03-02T08:00:00Z", "text": "New prices", "created": "2026-03-02T09:30:00Z"}


@add_examples("An annotation", NOTE_EXAMPLE, {"at": "2026-03-02T08:00:00Z", "text": "New prices"})
class AnnotationSerializer(ClosedModelSerializer):
    class Meta:
        model = Note
        fields = ("id", "at", "text", "created")
        read_only_fields = ("id", "created")


class AnnotationFilters(FilterSet):
    text = CharFilter(lookup_expr="icontains", label="Text that the annotation contains")
    at_after = IsoDateTimeFilter(field_name="at", lookup_expr="gte", label="At that instant or later")
    at_before = IsoDateTimeFilter(field_name="at", lookup_expr="lt", label="Earlier")


class AnnotationViews(SiteResource[Note], ModelViewSet[Note]):
    """Annotations: notes at an instant, which graphs display."""

    area = Area.REPORTS
    noun, plural = "an annotation", "annotations"
    queryset = Note.objects.none()
    serializer_class = AnnotationSerializer
    filterset_class = AnnotationFilters
    ordering = ("-at", "-pk")
    lookup_url_kwarg = "note_id"
    missing = "No such annotation."

    def get_queryset(self) -> QuerySet[Note]:
        return self.site.notes.all()

    def perform_create(self, serializer: BaseSerializer[Note]) -> None:
        serializer.instance = note_add(site=self.site, user=self.acting_user, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer[Note]) -> None:
        serializer.instance = note_update(note=require_instance(serializer), **serializer.validated_data)

    def perform_destroy(self, instance: Note) -> None:
        note_delete(note=instance)
