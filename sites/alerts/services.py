"""Writes to channels and alerts: notifications are queued once, and the polled conditions evaluated.

And what ends when a member leaves: the channels that mail to them; and which webhooks' secrets they could read.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.account_limits import check_limit
from accounts.audit.recording import read_fields, record_action, record_change
from accounts.mail import join_to_line
from accounts.models import Account, Membership
from accounts.permissions import membership_may
from accounts.revocation import DependentAccess, SharedKeys, exposed_keys_clear
from accounts.run_each import run_each
from accounts.services import account_lock
from sites.alerts.condition_registry import CONDITIONS, AlertNotification
from sites.alerts.confirmation import is_member_address
from sites.alerts.models import Alert, Channel, ChannelKind, Delivery, DeliveryState
from sites.models import Site
from sites.outbound import OutboundError, check_host

WEBHOOK_KIND = "webhook-secret"  # of exposed keys (`accounts.revocation`)
BILLING_LOG_AGE = timedelta(days=90)


@transaction.atomic
def channel_save(*, channel: Channel, now: datetime | None = None) -> Channel:
    """Store a channel; switching it on again deletes the reason why it was switched off.

    An e-mail channel stays confirmed while its address does not change; a new address is confirmed if it is a member's.
    Raises ValidationError for a hook that may not be reached from here, and above the limit of channels, which the
    webhooks of the operator do not have.
    """
    before = Channel.objects.select_for_update().filter(pk=channel.pk).first() if channel.pk else None
    stored = read_fields(channel)
    account = channel.account
    if before is None and account is not None:
        account_lock(account)
        used = Channel.objects.filter(account=account).count()
        check_limit(account, "channels", used=used, field="name", what="channels")
    if channel.enabled and channel.kind != ChannelKind.EMAIL:
        check_webhook(channel)
    if before is None or (before.kind, before.target) != (channel.kind, channel.target):
        member = channel.kind == ChannelKind.EMAIL and is_member_address(channel.owner, channel.target)
        channel.confirmed = (now or timezone.now()) if member else None
    else:
        channel.confirmed = before.confirmed  # what the caller read may have been confirmed for another address
    if channel.enabled:
        channel.failing_since, channel.switched_off = None, ""
    channel.save()
    if before is None:
        record_action("channel.created", channel)
    else:
        record_change("channel.changed", channel, stored)
    return channel


@transaction.atomic
def channel_secret_replace(*, channel: Channel) -> None:
    """Replace the secret that webhooks are signed with; receivers with the old one will reject them."""
    channel.secret = secrets.token_urlsafe()
    channel.save(update_fields=["secret"])
    record_action("webhook_secret.replaced", channel)
    exposed_keys_clear(kind=WEBHOOK_KIND, object_id=channel.pk)


@transaction.atomic
def channel_delete(*, channel: Channel) -> None:
    """Delete a channel; alerts stay and no longer use it."""
    exposed_keys_clear(kind=WEBHOOK_KIND, object_id=channel.pk)
    record_action("channel.deleted", channel)
    channel.delete()


def check_webhook(channel: Channel) -> None:
    """Raise ValidationError for a hook that may not be reached, as far as can be checked without a DNS lookup."""
    try:
        check_host(channel.target)
    except OutboundError as error:
        raise ValidationError({"target": str(error)}) from error


@transaction.atomic
def alert_save(*, alert: Alert, parameters: Mapping[str, object], channels: Iterable[Channel]) -> Alert:
    """Store an alert with its condition's parameters and channels. Raises ValidationError above the limit of alerts."""
    is_new, before, channels_before = alert.pk is None, read_fields(alert), list_channel_names(alert)
    if is_new:
        account = alert.site.account
        account_lock(account)
        used = Alert.objects.filter(site__account=account, site__deleted=None).count()
        check_limit(account, "alerts", used=used, field="name", what="alerts")
    alert.parameters = dict(parameters)
    alert.save()
    alert.channels.set(channels)
    if is_new:
        record_action("alert.created", alert)
    else:
        record_change("alert.changed", alert, before, also={"channels": (channels_before, list_channel_names(alert))})
    return alert


def list_channel_names(alert: Alert) -> list[str]:
    """List the names of an alert's channels; none for one that is not stored yet."""
    return list(alert.channels.order_by("pk").values_list("name", flat=True)) if alert.pk else []


@transaction.atomic
def alert_delete(*, alert: Alert) -> None:
    """Delete an alert; the log of its deliveries stays."""
    record_action("alert.deleted", alert)
    alert.delete()


def delivery_queue(
    *, channel: Channel, notification: AlertNotification, now: datetime, alert: Alert | None = None
) -> Delivery | None:
    """Queue a notification for a channel; returns None if its key was queued before."""
    delivery, created = Delivery.objects.get_or_create(
        channel=channel,
        key=notification.key[:120],
        defaults={
            "alert": alert,
            "subject": join_to_line(notification.subject)[:200],
            "text": notification.text,
            "payload": dict(notification.payload),
            "next_try": now,
        },
    )
    return delivery if created else None


def is_throttled(alert: Alert, now: datetime) -> bool:
    """Return whether the alert's last notification is too recent for another one.

    A last notification in the future means that the clock was ahead; it does not count.
    """
    since = now - alert.last_fired if alert.last_fired else None
    return since is not None and -timedelta(minutes=1) <= since < timedelta(minutes=alert.throttle_minutes)


@transaction.atomic
def alert_notify(*, alert: Alert, notifications: Iterable[AlertNotification], now: datetime) -> int:
    """Queue notifications for the alert's channels, and store the alert's state; returns the queued deliveries.

    All or nothing, if the worker dies here.
    """
    count = sum(_queue_deliveries(alert, notification, now) for notification in notifications)
    alert.save(update_fields=["memory", "last_fired"] if count else ["memory"])
    return count


def _queue_deliveries(alert: Alert, notification: AlertNotification, now: datetime) -> int:
    """Queue a notification for the alert's channels unless its last one is too recent; the alert is not saved.

    Uptime alerts are never held back: the end of an incident may follow its start. Returns the queued deliveries.
    """
    if is_throttled(alert, now) and alert.condition != "uptime":
        return 0
    channels = alert.channels.usable()
    queued = [delivery_queue(channel=channel, notification=notification, now=now, alert=alert) for channel in channels]
    count = sum(delivery is not None for delivery in queued)
    if count:
        alert.last_fired = now
    return count


def alerts_evaluate(*, now: datetime) -> int:
    """Evaluate every enabled alert whose condition is polled; returns the number of queued deliveries.

    An alert that raises is logged and does not affect the others.
    """
    polled = [name for name, condition in CONDITIONS.items() if condition.evaluate]
    alerts = Alert.objects.filter(enabled=True, condition__in=polled, site__deleted=None).select_related("site")
    return sum(run_each(alerts, lambda alert: evaluate_alert(alert, now), what="Alert"))


def evaluate_alert(alert: Alert, now: datetime) -> int:
    """Evaluate an alert and queue its notifications; returns the number of queued deliveries."""
    evaluate = CONDITIONS[alert.condition].evaluate
    notifications = evaluate(alert, now) if evaluate else ()
    return alert_notify(alert=alert, notifications=notifications, now=now)


def find_readable_webhook_secrets(membership: Membership) -> set[tuple[int, str]]:
    """Return (channel id, name of the secret): editors of an account can read the secrets of its webhooks."""
    if not membership_may(membership, "edit"):
        return set()
    webhooks = Channel.objects.filter(account=membership.account, kind=ChannelKind.WEBHOOK)
    return {(channel_id, "secret") for channel_id in webhooks.values_list("pk", flat=True)}


def load_webhook_names(account: Account, ids: Collection[int]) -> dict[int, str]:
    """Return the names of channels by id."""
    return dict(Channel.objects.filter(account=account, pk__in=list(ids)).values_list("pk", "name"))


def replace_webhook_secret(account: Account, channel_id: int) -> None:
    """Replace the secret of a channel of the account; does nothing if the channel is gone."""
    channel = Channel.objects.filter(account=account, pk=channel_id).first()
    if channel is not None:
        channel_secret_replace(channel=channel)


def find_ending_channels(membership: Membership, is_leaving: bool) -> list[Channel]:
    """Find the channels that mail the account's alerts to a member who leaves it."""
    if not is_leaving:
        return []
    email = membership.user.email
    mail_channels = Channel.objects.filter(account=membership.account, kind=ChannelKind.EMAIL, enabled=True)
    return [channel for channel in mail_channels if channel.target.strip().lower() == email]


@transaction.atomic
def end_channel(channel: Channel, now: datetime) -> None:
    """Switch a channel off, with the reason. If it is switched on again, the person has to confirm it first."""
    reason = "Switched off: the person it mails to left the account."
    Channel.objects.filter(pk=channel.pk).update(enabled=False, confirmed=None, switched_off=reason)
    record_action("channel.stopped", channel, changes={"switched_off": (None, reason)})


def alert_channels_clear(site: Site) -> None:
    """Take the channels of a moved site's alerts away: they belong to the account that it left."""
    for alert in site.alerts.all():
        alert.channels.clear()


def billing_event_queue(*, event: str, key: str, text: str, payload: Mapping[str, object], now: datetime) -> int:
    """Queue an event for every webhook of the operator's billing system; returns to how many it is new.

    `key` names what happened: no webhook gets the same twice.
    """
    notification = AlertNotification(key=key, subject=event, text=text, payload={"event": event, **payload})
    channels = Channel.objects.usable().of_installation().order_by("pk")
    queued = [delivery_queue(channel=channel, notification=notification, now=now) for channel in channels]
    return sum(delivery is not None for delivery in queued)


@transaction.atomic
def billing_delivery_repeat(*, delivery: Delivery, now: datetime) -> bool:
    """Have a delivery that was given up tried once more, with the same id; returns False for any other."""
    rows = Delivery.objects.filter(pk=delivery.pk, channel__account=None, state=DeliveryState.FAILED)
    if not rows.update(state=DeliveryState.WAITING, next_try=now):
        return False
    record_action("channel.delivery_repeated", delivery.channel, changes={"delivery": (None, str(delivery.pk))})
    return True


def billing_deliveries_clear(*, now: datetime) -> int:
    """Delete what was sent to billing systems long ago, or given up; returns how many rows."""
    ended = (DeliveryState.SENT, DeliveryState.FAILED)
    old = Delivery.objects.filter(channel__account=None, state__in=ended, created__lt=now - BILLING_LOG_AGE)
    return old.delete()[0]


MAIL_CHANNELS = DependentAccess("Alert channels that mail to them", find_ending_channels, end_channel)
WEBHOOK_SECRETS = SharedKeys(
    kind=WEBHOOK_KIND,
    label="Webhook secret",
    find_readable=find_readable_webhook_secrets,
    load_labels=load_webhook_names,
    replace=replace_webhook_secret,
)
