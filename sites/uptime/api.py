"""The monitors of a site and their incidents in the management API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters.rest_framework import ChoiceFilter, FilterSet, IsoDateTimeFilter
from rest_framework import serializers
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet

from accounts.api.lists import BooleanFilter, IdFilter, NameFilters
from accounts.api.resources import add_examples
from accounts.api.serializers import ClosedModelSerializer, require_instance
from accounts.models import Area
from accounts.security.encrypted_fields import DOTS
from sites.outbound import OutboundError, check_reachable, extract_origin
from sites.site_resources import SiteResource
from sites.uptime.forms import fill_stored_values
from sites.uptime.models import (
    MAX_INTERVAL,
    MAX_TIMEOUT,
    MIN_INTERVAL,
    Incident,
    Monitor,
    MonitorState,
    MonitorURLValidator,
)
from sites.uptime.services import EDITABLE, monitor_create, monitor_delete, monitor_update

MONITOR_EXAMPLE = {
    "id": 12, "name": "Shop", "url": "https://shop.example/", "method": "GET", "interval": 60, "timeout": 15,
    "expected_status": "200-399", "must_contain": "", "must_not_contain": "", "headers": {"Authorization": DOTS},
    "follow_redirects": True, "enabled": True, "public": False, "state": "up", "state_since": "2026-03-01T09:30:00Z",
    "checked": "2026-05-20T07:45:12Z", "milliseconds": 184, "cause": "", "tls_expires": "2026-08-01T00:00:00Z",
    "created": "2026-03-01T09:29:58Z",
}  # fmt: skip
INCIDENT_EXAMPLE = {
    "id": 77, "monitor": 12, "start": "2026-05-19T03:10:00Z", "end": "2026-05-19T03:24:00Z", "cause": "Status 502",
}  # fmt: skip
STATE = ("state", "state_since", "checked", "milliseconds", "cause", "tls_expires", "created")


class MaskedHeadersField(serializers.DictField):
    """Headers whose values are answered as dots, since they are often secrets."""

    child = serializers.CharField(allow_blank=True, max_length=2000)

    def to_representation(self, value: Mapping[str, str]) -> dict[str, str]:
        return dict.fromkeys(value, DOTS)


@add_examples("A monitor", MONITOR_EXAMPLE, {"url": "https://shop.example/", "name": "Shop", "interval": 300})
class MonitorSerializer(ClosedModelSerializer):
    url = serializers.CharField(
        max_length=2000,
        validators=[MonitorURLValidator()],
        help_text="The address to check, such as https://example.com/",
    )
    headers = MaskedHeadersField(required=False, help_text=f"Values are not shown again; {DOTS} keeps the stored one")

    class Meta:
        model = Monitor
        fields = ("id", *EDITABLE, *STATE)
        read_only_fields = ("id", *STATE)
        extra_kwargs = {
            name: {"error_messages": dict.fromkeys(("min_value", "max_value"), f"Choose {low} to {high} seconds.")}
            for name, low, high in (("interval", MIN_INTERVAL, MAX_INTERVAL), ("timeout", 1, MAX_TIMEOUT))
        }


@add_examples("An incident", INCIDENT_EXAMPLE)
class IncidentSerializer(ClosedModelSerializer):
    monitor = serializers.IntegerField(source="monitor_id", read_only=True)

    class Meta:
        model = Incident
        fields = ("id", "monitor", "start", "end", "cause")
        read_only_fields = fields


class MonitorFilters(NameFilters):
    state = ChoiceFilter(choices=MonitorState.choices)
    enabled = BooleanFilter()


class IncidentFilters(FilterSet):
    monitor = IdFilter()
    open = BooleanFilter(field_name="end", lookup_expr="isnull", label="Not over yet")
    started_after = IsoDateTimeFilter(field_name="start", lookup_expr="gte", label="Began then or later")
    started_before = IsoDateTimeFilter(field_name="start", lookup_expr="lt", label="Began earlier")


class MonitorViews(SiteResource[Monitor], ModelViewSet[Monitor]):
    """Monitors: addresses that are checked regularly. Deleting one deletes its incidents and response times."""

    area = Area.MONITORING
    noun, plural = "a monitor", "monitors"
    queryset = Monitor.objects.none()
    serializer_class = MonitorSerializer
    filterset_class = MonitorFilters
    lookup_url_kwarg = "monitor_id"
    missing = "No such monitor."

    def get_queryset(self) -> QuerySet[Monitor]:
        return self.site.monitors.all()

    def perform_create(self, serializer: BaseSerializer[Monitor]) -> None:
        values = clean_changes(Monitor(site=self.site), serializer.validated_data)
        serializer.instance = monitor_create(site=self.site, **values)

    def perform_update(self, serializer: BaseSerializer[Monitor]) -> None:
        monitor = require_instance(serializer)
        changes = clean_changes(monitor, serializer.validated_data)
        serializer.instance = monitor_update(monitor=monitor, changes=changes)

    def perform_destroy(self, instance: Monitor) -> None:
        monitor_delete(monitor=instance)


class MonitorValues(TypedDict, total=False):
    """The validated body of a monitor."""

    name: str
    url: str
    method: str
    interval: int
    timeout: int
    expected_status: str
    must_contain: str
    must_not_contain: str
    headers: dict[str, str]
    follow_redirects: bool
    enabled: bool
    public: bool


def clean_changes(monitor: Monitor, values: MonitorValues) -> MonitorValues:
    """Fill in the stored values of headers, and check that an address that is watched may be reached, as the page does.

    Raises ValidationError by field, also if the host changes while stored header values are kept.
    """
    url = str(values.get("url", monitor.url))
    headers = values.get("headers", dict.fromkeys(monitor.headers, DOTS))
    try:
        filled = fill_stored_values(headers, monitor.headers, extract_origin(url) == extract_origin(monitor.url))
    except ValidationError as error:
        raise ValidationError({"headers": error.messages}) from error
    if values.get("enabled", monitor.enabled):
        try:
            check_reachable(url)
        except OutboundError as error:
            raise ValidationError({"url": str(error)}) from error
    return {**values, "headers": filled}


class IncidentViews(SiteResource[Incident], ReadOnlyModelViewSet[Incident]):
    """Incidents of the site's monitors, the latest first."""

    area = Area.MONITORING
    noun, plural = "an incident", "incidents"
    queryset = Incident.objects.none()
    serializer_class = IncidentSerializer
    filterset_class = IncidentFilters
    ordering = ("-start", "-pk")
    lookup_url_kwarg = "incident_id"
    missing = "No such incident."

    def get_queryset(self) -> QuerySet[Incident]:
        return Incident.objects.filter(monitor__site=self.site)
