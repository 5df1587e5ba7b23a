"""Operations of operators in the management API: billing webhooks, and what was sent to them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters.rest_framework import CharFilter, ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts.api.installation import InstallationViews
from accounts.api.openapi import describe_responses
from accounts.api.resources import add_examples
from accounts.api.serializers import ClosedModelSerializer
from sites.alerts.api import ChannelActions, MessageOutcomeSerializer
from sites.alerts.billing import select_deliveries, select_webhooks
from sites.alerts.models import Channel, ChannelKind, Delivery, DeliveryState
from sites.alerts.services import billing_delivery_repeat

WEBHOOK_EXAMPLE = {
    "id": 4, "name": "Invoices", "displayed_target": "billing.example/…", "enabled": True, "failing_since": None,
    "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
DELIVERY_EXAMPLE = {
    "id": "0b6f3c1e-6f0b-4c0e-9d53-2c2d3a3e7c11", "webhook": 4, "event": "usage.recorded",
    "text": "Example Ltd on 2026-03-19.", "state": "sent", "attempts": 1, "error": "",
    "created": "2026-03-20T02:00:00Z", "sent": "2026-03-20T02:00:01Z",
    "payload": {"event": "usage.recorded", "day": "2026-03-19"},
}  # fmt: skip


@add_examples("A webhook", WEBHOOK_EXAMPLE, {"name": "Invoices", "target": "https://billing.example/hooks/usage"})
class BillingWebhookSerializer(ClosedModelSerializer):
    target = serializers.CharField(
        write_only=True, required=False, max_length=2000, help_text="Its address; required for a new webhook"
    )
    displayed_target = serializers.CharField(read_only=True, help_text="Only the host of the address")

    class Meta:
        model = Channel
        fields = ("id", "name", "target", "displayed_target", "enabled", "failing_since", "created")
        read_only_fields = ("id", "failing_since", "created")


class BillingWebhookFilters(FilterSet):
    name = CharFilter(lookup_expr="icontains", label="Text that the name contains")


class BillingWebhookViews(InstallationViews[Channel], ChannelActions, ModelViewSet[Channel]):
    """The webhooks of the operator's billing system."""

    noun, plural = "a billing webhook", "billing webhooks"
    queryset = Channel.objects.none()
    serializer_class = BillingWebhookSerializer
    filterset_class = BillingWebhookFilters
    lookup_url_kwarg = "webhook_id"
    missing = "No such webhook."

    def get_queryset(self) -> QuerySet[Channel]:
        return select_webhooks()

    def perform_create(self, serializer: BaseSerializer[Channel]) -> None:
        self.save_row(serializer, Channel(kind=ChannelKind.WEBHOOK))


@add_examples("A delivery", DELIVERY_EXAMPLE)
class BillingDeliverySerializer(ClosedModelSerializer):
    webhook = serializers.IntegerField(source="channel_id", read_only=True, help_text="The id of the webhook")
    event = serializers.CharField(source="subject", read_only=True)
    payload = serializers.DictField(read_only=True, help_text="What is sent beside id, time, subject and text")

    class Meta:
        model = Delivery
        fields = (
            "id", "webhook", "event", "text", "state", "attempts", "error", "created", "sent", "payload",
        )  # fmt: skip
        read_only_fields = fields


class BillingDeliveryFilters(FilterSet):
    state = ChoiceFilter(choices=DeliveryState.choices)
    event = CharFilter(field_name="subject", label="Such as `usage.recorded`")


class BillingDeliveryViews(InstallationViews[Delivery], ListModelMixin, RetrieveModelMixin):
    """What was sent to billing webhooks in the last 90 days, the latest first."""

    noun, plural = "a billing delivery", "billing deliveries"
    ordering = ("-created", "-pk")
    queryset = Delivery.objects.none()
    serializer_class: type[BaseSerializer[Any]] = BillingDeliverySerializer
    filterset_class = BillingDeliveryFilters
    lookup_url_kwarg = "delivery_id"
    lookup_value_converter = "uuid"
    missing = "No such delivery."

    def get_queryset(self) -> QuerySet[Delivery]:
        return select_deliveries()

    @extend_schema(
        summary="Send a delivery again",
        request=None,
        responses=describe_responses(200, MessageOutcomeSerializer, is_post=True),
    )
    @action(detail=True, methods=["post"])
    def repeat(self, request: Request, delivery_id: str) -> Response:
        """Have a delivery that was given up tried once more, with the same id."""
        is_queued = billing_delivery_repeat(delivery=self.get_object(), now=timezone.now())
        sentence = "It is sent again within some seconds." if is_queued else "It was not given up."
        return Response({"done": is_queued, "message": sentence})
