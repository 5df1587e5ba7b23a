"""Writes of alerts: queue a message once, and run every watched condition."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from sites.alerts.conditions import CONDITIONS, Firing
from sites.alerts.models import Alert, Channel, Delivery, webhook_secret

log = logging.getLogger(__name__)


def channel_save(*, channel: Channel) -> Channel:
    """Store a channel; switching it on again forgets why it was switched off."""
    if channel.enabled:
        channel.failing_since, channel.switched_off = None, ""
    channel.save()
    return channel


def channel_secret_replace(*, channel: Channel) -> None:
    """Sign with a new secret from now on; receivers that still check with the old one refuse what is sent."""
    channel.secret = webhook_secret()
    channel.save(update_fields=["secret"])


def alert_save(*, alert: Alert, parameters: Mapping[str, Any], channels: Iterable[Channel]) -> Alert:
    """Store an alert with its condition's parameters and whom it tells."""
    alert.parameters = dict(parameters)
    alert.save()
    alert.channels.set(channels)
    return alert


def delivery_queue(*, channel: Channel, firing: Firing, now: datetime, alert: Alert | None = None) -> Delivery | None:
    """The delivery of `firing` to `channel`, made now; None when this occasion was queued before."""
    delivery, made = Delivery.objects.get_or_create(
        channel=channel,
        key=firing.key[:120],
        defaults={
            "alert": alert,
            "subject": firing.subject[:200],
            "text": firing.text,
            "payload": dict(firing.payload),
            "next_try": now,
        },
    )
    return delivery if made else None


def quiet(alert: Alert, now: datetime) -> bool:
    """Whether the alert was told too recently to be told again."""
    return alert.last_fired is not None and now < alert.last_fired + timedelta(minutes=alert.throttle_minutes)


@transaction.atomic
def alert_fire(*, alert: Alert, firing: Firing, now: datetime) -> int:
    """Tell all channels of `alert` unless it was told too recently; the number of deliveries queued."""
    if quiet(alert, now) and alert.condition != "uptime":
        return 0
    channels = alert.channels.filter(enabled=True)
    queued = [delivery_queue(channel=channel, firing=firing, now=now, alert=alert) for channel in channels]
    made = sum(delivery is not None for delivery in queued)
    if made:
        alert.last_fired = now
        alert.save(update_fields=["last_fired"])
    return made


def alerts_watch(*, now: datetime) -> int:
    """Look at every enabled alert whose condition is polled; the number of deliveries queued.

    One broken alert must not silence the others: it is logged and the round goes on."""
    polled = [name for name, condition in CONDITIONS.items() if condition.watch]
    queued = 0
    for alert in Alert.objects.filter(enabled=True, condition__in=polled, site__deleted=None).select_related("site"):
        try:
            queued += watch_one(alert, now)
        except Exception:
            log.exception("Alert %s of site %s could not be checked", alert.pk, alert.site_id)
    return queued


def watch_one(alert: Alert, now: datetime) -> int:
    watch = CONDITIONS[alert.condition].watch
    firings = watch(alert, now) if watch else ()
    with transaction.atomic():  # what it remembers and what it says belong together, also when the worker dies here
        alert.save(update_fields=["memory"])
        return sum(alert_fire(alert=alert, firing=firing, now=now) for firing in firings)
