"""Writes of digest subscriptions."""

from __future__ import annotations

from collections.abc import Iterable

from accounts.models import User
from reports.digest.models import DigestSubscription
from sites.models import Site


def subscription_save(
    *,
    user: User,
    frequency: str,
    sites: Iterable[Site],
    attach_csv: bool,
    existing: DigestSubscription | None = None,
) -> DigestSubscription:
    """Create a subscription of `user`, or change `existing`. `sites` are ones that the user may see; none means all."""
    subscription = existing or DigestSubscription(user=user)
    subscription.frequency, subscription.sites = frequency, [site.pk for site in sites]
    subscription.attach_csv, subscription.enabled = attach_csv, True
    subscription.save()
    return subscription


def subscription_stop(*, token: str) -> DigestSubscription | None:
    """End the subscription of an unsubscribe token, if it has not ended; returns None for an unknown token."""
    subscription = DigestSubscription.objects.with_unsubscribe_token(token).first()
    if subscription and subscription.enabled:
        subscription.enabled = False
        subscription.save(update_fields=["enabled"])
    return subscription
