"""Writes of digest subscriptions."""

from __future__ import annotations

from collections.abc import Iterable

from accounts.models import User
from reports.digests.models import DigestSubscription
from sites.models import Site


def subscription_save(
    *,
    user: User,
    every: str,
    sites: Iterable[Site],
    attach_csv: bool,
    existing: DigestSubscription | None = None,
) -> DigestSubscription:
    """A new subscription of `user`, or `existing` changed. `sites` are fetched for the user; none means all."""
    subscription = existing or DigestSubscription(user=user)
    subscription.every, subscription.sites = every, [site.pk for site in sites]
    subscription.attach_csv, subscription.enabled = attach_csv, True
    subscription.save()
    return subscription


def subscription_stop(*, token: str) -> DigestSubscription | None:
    """End the subscription of an unsubscribe link; None when there is no such link. Ending twice is fine."""
    subscription = DigestSubscription.objects.with_unsubscribe_token(token).first()
    if subscription and subscription.enabled:
        subscription.enabled = False
        subscription.save(update_fields=["enabled"])
    return subscription
