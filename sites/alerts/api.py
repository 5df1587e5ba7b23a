"""Alerts of a site, and the channels of an account that they notify, in the management API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict, cast

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms.utils import ErrorDict
from django.http import Http404
from django.utils import timezone
from django_filters.rest_framework import CharFilter, ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts.api.lists import BooleanFilter
from accounts.api.openapi import describe_responses
from accounts.api.resources import ResourceViews, add_examples
from accounts.api.serializers import ClosedModelSerializer, ClosedSerializer, require_instance
from accounts.audit.repetition import record_shown
from accounts.models import WRITE, Area
from accounts.permissions import Bearer, find_membership, membership_may
from sites.alerts.billing import TEST_PLACE
from sites.alerts.channel_trial import ask_to_confirm, test_message_send
from sites.alerts.condition_registry import CONDITIONS, AlertCondition
from sites.alerts.forms import AlertForm, check_target
from sites.alerts.models import Alert, Channel, ChannelKind
from sites.alerts.services import alert_delete, alert_save, channel_delete, channel_save, channel_secret_replace
from sites.models import Site
from sites.site_resources import SiteResource

CHANNEL_EXAMPLE = {
    "id": 4, "kind": "webhook", "name": "Operations", "displayed_target": "hooks.example/…", "enabled": True,
    "quiet_from": "22:00:00", "quiet_until": "06:00:00", "waits_for_confirmation": False, "switched_off": "",
    "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
NEW_CHANNEL_EXAMPLE = {"kind": "webhook", "name": "Operations", "target": "https://hooks.example/a8f3"}
ALERT_EXAMPLE = {
    "id": 9, "name": "Traffic is gone", "condition": "uptime", "parameters": {}, "channels": [4],
    "throttle_minutes": 60, "enabled": True, "last_fired": None, "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
NEW_ALERT_EXAMPLE = {"name": "Shop is down", "condition": "uptime", "channels": [4]}
PARAMETER_FIELD = "p_"  # how the form names a parameter of the condition


@extend_schema_field({"type": "string", "example": "22:00:00"})
class ClockField(serializers.TimeField):
    """A time of the day without a time zone, which is the account's; OpenAPI's format `time` demands an offset."""


@add_examples("A channel", CHANNEL_EXAMPLE, NEW_CHANNEL_EXAMPLE)
class ChannelSerializer(ClosedModelSerializer):
    """A channel. Its address is not answered: whoever knows a hook's can send messages to it."""

    target = serializers.CharField(
        write_only=True,
        required=False,
        max_length=2000,
        help_text="An e-mail address, or the address of a hook; required for a new channel",
    )
    displayed_target = serializers.CharField(read_only=True, help_text="The address; of a hook only its host")
    quiet_from = ClockField(required=False, allow_null=True, help_text="Messages wait from here, in the account's zone")
    quiet_until = ClockField(
        required=False, allow_null=True, help_text="Messages are sent again from here, in the account's zone"
    )
    waits_for_confirmation = serializers.BooleanField(
        read_only=True, help_text="Nothing is sent to an e-mail address before its recipient has confirmed it"
    )

    class Meta:
        model = Channel
        fields = (
            "id", "kind", "name", "target", "displayed_target", "enabled", "quiet_from", "quiet_until",
            "waits_for_confirmation", "switched_off", "created",
        )  # fmt: skip
        read_only_fields = ("id", "switched_off", "created")


@add_examples("It was sent", {"done": True, "message": "The test message was sent."})
class MessageOutcomeSerializer(ClosedSerializer):
    done = serializers.BooleanField()
    message = serializers.CharField(help_text="What happened, as a sentence for people")


@add_examples("The secret", {"secret": "kM3qf0vS8Zr1tY6uW2xA9bC4dE7gH5jL"})
class ChannelSecretSerializer(ClosedSerializer):
    secret = serializers.CharField(help_text="The receiver checks signatures with it")


class AlertChannelsField(serializers.PrimaryKeyRelatedField[Channel]):
    """Channels of the account, which the view puts into the context."""

    def get_queryset(self) -> QuerySet[Channel]:
        channels: QuerySet[Channel] = self.context["channels"]
        return channels


@add_examples("An alert", ALERT_EXAMPLE, NEW_ALERT_EXAMPLE)
class AlertSerializer(ClosedModelSerializer):
    condition = serializers.ChoiceField(
        choices=[], help_text="What is watched, such as `uptime`. It cannot be changed afterwards"
    )
    parameters = serializers.DictField(required=False, help_text="Those of the condition, by name")
    channels = AlertChannelsField(
        many=True,
        queryset=Channel.objects.none(),
        required=False,
        help_text="Ids of the account's channels",
        error_messages={"does_not_exist": "Select a valid choice. {pk_value} is not one of the available choices."},
    )

    class Meta:
        model = Alert
        fields = (
            "id", "name", "condition", "parameters", "channels", "throttle_minutes", "enabled", "last_fired", "created",
        )  # fmt: skip
        read_only_fields = ("id", "last_fired", "created")

    def get_fields(self) -> dict[str, serializers.Field[object, object, object, object]]:
        """Return the fields; the conditions are those of this installation."""
        fields = super().get_fields()
        condition = fields["condition"]
        assert isinstance(condition, serializers.ChoiceField)
        condition.choices = list(CONDITIONS)
        return fields


class AlertValues(TypedDict, total=False):
    """The validated body of an alert."""

    name: str
    condition: str
    parameters: dict[str, object]
    channels: list[Channel]
    throttle_minutes: int
    enabled: bool


class ChannelFilters(FilterSet):
    kind = ChoiceFilter(choices=ChannelKind.choices)
    name = CharFilter(lookup_expr="icontains", label="Text that the name contains")
    enabled = BooleanFilter()


class AlertFilters(FilterSet):
    name = CharFilter(lookup_expr="icontains", label="Text that the name contains")
    condition = CharFilter(label="The condition, such as `uptime`")
    enabled = BooleanFilter()


class ChannelActions(ResourceViews[Channel]):
    """What can be done with channels: change and delete one, try it, show and replace the secret of a webhook."""

    def perform_update(self, serializer: BaseSerializer[Channel]) -> None:
        self.save_row(serializer, require_instance(serializer))

    def perform_destroy(self, instance: Channel) -> None:
        channel_delete(channel=instance)

    def save_row(self, serializer: BaseSerializer[Channel], channel: Channel) -> None:
        """Save a channel with the values of the body; an e-mail address that is not confirmed is asked to."""
        for name, value in serializer.validated_data.items():
            setattr(channel, name, value)
        check_target(channel.kind, channel.target, channel.enabled)
        serializer.instance = channel_save(channel=channel)
        if channel.enabled and channel.waits_for_confirmation:
            ask_to_confirm(channel)

    @extend_schema(
        summary="Send a test message",
        request=None,
        responses=describe_responses(200, MessageOutcomeSerializer, is_post=True),
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **ids: object) -> Response:
        """Send a test message now and report the outcome."""
        channel = self.get_object()
        place = str(channel.account) if channel.account is not None else TEST_PLACE
        message, arrived = test_message_send(channel=channel, place=place, now=timezone.now())
        return Response({"done": arrived, "message": message})

    @extend_schema(summary="Show a webhook's secret", responses=describe_responses(200, ChannelSecretSerializer))
    @action(detail=True, read_right=WRITE)
    def secret(self, request: Request, **ids: object) -> Response:
        """Show the secret that webhooks are signed with."""
        channel = self.get_webhook()
        record_shown("webhook_secret.shown", channel, channel.secret)
        return Response({"secret": channel.secret})

    @extend_schema(
        summary="Replace a webhook's secret",
        request=None,
        responses=describe_responses(200, ChannelSecretSerializer, is_post=True),
    )
    @secret.mapping.post
    def replace_secret(self, request: Request, **ids: object) -> Response:
        """Replace the secret; receivers with the old one then reject what they are sent."""
        channel = self.get_webhook()
        channel_secret_replace(channel=channel)
        return Response({"secret": channel.secret})

    def get_webhook(self) -> Channel:
        """Fetch the channel. Raises Http404 unless it is a webhook, since others are not signed."""
        channel = self.get_object()
        if channel.kind != ChannelKind.WEBHOOK:
            raise Http404(self.missing)
        return channel


class ChannelViews(ChannelActions, ModelViewSet[Channel]):
    """The channels that alerts of the account are sent to."""

    area = Area.MONITORING
    noun, plural = "a channel", "channels"
    queryset = Channel.objects.none()
    serializer_class = ChannelSerializer
    filterset_class = ChannelFilters
    lookup_url_kwarg = "channel_id"
    missing = "No such channel."

    def get_queryset(self) -> QuerySet[Channel]:
        return self.get_membership("edit").account.channels.select_related("account")

    def perform_create(self, serializer: BaseSerializer[Channel]) -> None:
        self.save_row(serializer, Channel(account=self.get_membership("edit").account))

    @extend_schema(
        summary="Ask to confirm an e-mail address",
        request=None,
        responses=describe_responses(200, MessageOutcomeSerializer, is_post=True),
    )
    @action(detail=True, methods=["post"], url_path="confirmation")
    def send_confirmation(self, request: Request, channel_id: int) -> Response:
        """Send the confirmation mail again."""
        channel = self.get_object()
        if not channel.waits_for_confirmation:
            return Response({"done": False, "message": f"{channel} needs no confirmation."})
        message, sent = ask_to_confirm(channel)
        return Response({"done": sent, "message": message})


class AlertViews(SiteResource[Alert], ModelViewSet[Alert]):
    """Alerts of a site, for those who may edit its account, since channels belong to it."""

    area = Area.MONITORING
    noun, plural = "an alert", "alerts"
    reads = "edit"
    queryset = Alert.objects.none()
    serializer_class = AlertSerializer
    filterset_class = AlertFilters
    lookup_url_kwarg = "alert_id"
    missing = "No such alert."

    def fetch_site(self) -> Site:
        """Fetch the site, if the caller may edit its account. Raises Http404."""
        site = super().fetch_site()
        if not membership_may(find_membership(self.request.user, site.account), "edit"):
            raise Http404("No such site.")
        return site

    def get_queryset(self) -> QuerySet[Alert]:
        return self.site.alerts.prefetch_related("channels")

    def get_serializer_context(self) -> Mapping[str, object]:
        """Return the context, with the channels that an alert may notify."""
        is_description = getattr(self, "swagger_fake_view", False)  # which has no site
        channels = Channel.objects.none() if is_description else self.select_channels()
        return {**super().get_serializer_context(), "channels": channels}

    def select_channels(self) -> QuerySet[Channel]:
        """Select the account's channels; for a token that is limited to sites, those that the site's alerts notify."""
        channels, actor = self.site.account.channels.all(), self.request.user
        if isinstance(actor, Bearer) and actor.site_ids is not None:
            return channels.filter(pk__in=self.site.alerts.values("channels"))
        return channels

    def perform_create(self, serializer: BaseSerializer[Alert]) -> None:
        self.save_row(serializer, Alert(site=self.site, condition=serializer.validated_data["condition"]))

    def perform_update(self, serializer: BaseSerializer[Alert]) -> None:
        alert = require_instance(serializer)
        if serializer.validated_data.get("condition", alert.condition) != alert.condition:
            raise ValidationError({"condition": "An alert keeps its condition; create another one."})
        self.save_row(serializer, alert)

    def perform_destroy(self, instance: Alert) -> None:
        alert_delete(alert=instance)

    def save_row(self, serializer: BaseSerializer[Alert], alert: Alert) -> None:
        """Save an alert as the form of the page does, which knows the parameters of its condition."""
        condition = CONDITIONS.get(alert.condition)
        if condition is None:
            raise ValidationError({"condition": "This installation has no such condition any more."})
        data = fill_alert_form(alert, condition, serializer.validated_data)
        form = AlertForm(data, instance=alert, site=self.site, condition=condition)
        if not form.is_valid():
            raise ValidationError(name_parameters(form.errors))
        saved = cast(Alert, form.save(commit=False))
        channels = form.cleaned_data["channels"]
        serializer.instance = alert_save(alert=saved, parameters=form.get_parameters(), channels=channels)


def fill_alert_form(alert: Alert, condition: AlertCondition, values: AlertValues) -> dict[str, object]:
    """Build the data of the page's form from a body: what it does not have stays as it is. Raises ValidationError."""
    parameters: dict[str, object] = {
        row.name: alert.parameters.get(row.name, row.default) for row in condition.parameters
    }
    if unknown := sorted(set(values.get("parameters", {})) - set(parameters)):
        valid_names = ", ".join(parameters) or "none"
        raise ValidationError({"parameters": f"{unknown[0]}: There is no such parameter. Known: {valid_names}."})
    parameters |= values.get("parameters", {})
    channels: Iterable[Channel] = values.get("channels", alert.channels.all() if alert.pk else [])
    return {
        "name": values.get("name", alert.name),
        "throttle_minutes": values.get("throttle_minutes", alert.throttle_minutes),
        "enabled": values.get("enabled", alert.enabled),
        "channels": [channel.pk for channel in channels],
        **{f"{PARAMETER_FIELD}{name}": value for name, value in parameters.items()},
    }


def name_parameters(errors: ErrorDict) -> dict[str, list[str]]:
    """Name the form's errors by the body's fields: those of parameters are all of `parameters`."""
    named: dict[str, list[str]] = {}
    for name, texts in errors.items():
        is_parameter = name.startswith(PARAMETER_FIELD)
        sentences = [f"{name.removeprefix(PARAMETER_FIELD)}: {text}" if is_parameter else str(text) for text in texts]
        named.setdefault("parameters" if is_parameter else name, []).extend(sentences)
    return named
