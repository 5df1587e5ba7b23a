"""Writes of digests: subscriptions, and mails, sent once per closed period at six in the zone of the first site."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from accounts.audit.recording import read_fields, record_action, record_change
from accounts.audit.subjects import AuditSubject, list_user_accounts
from accounts.models import User
from accounts.run_each import run_each
from reports.digests.content import build_digest, find_closed_period
from reports.digests.message import DigestEmail, build_message
from reports.digests.models import DigestMail, DigestSubscription
from reports.query import Period
from sites.models import Site
from sites.selectors import select_sites
from tracking.store import StoreAway

AUDIT_SUBJECT = AuditSubject(
    name="digest",
    label="Report by e-mail",
    account="",
    verbs=("created", "changed", "deleted"),
    shown=frozenset({"frequency", "attach_csv", "enabled"}),  # not the sites, which may be of several accounts
)
SENDING_HOUR = 6
MAX_DELAY = timedelta(days=3)  # a digest that is later than this is not sent


@transaction.atomic
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
    before = read_fields(subscription)
    subscription.frequency, subscription.sites = frequency, [site.pk for site in sites]
    subscription.attach_csv, subscription.enabled = attach_csv, True
    subscription.save()
    if existing is None:
        record_action("digest.created", subscription, accounts=list_accounts(subscription))
    else:
        record_change("digest.changed", subscription, before, accounts=list_accounts(subscription))
    return subscription


@transaction.atomic
def subscription_delete(*, subscription: DigestSubscription) -> None:
    """Delete a subscription."""
    record_action("digest.deleted", subscription, accounts=list_accounts(subscription))
    subscription.delete()


@transaction.atomic
def subscription_stop(*, token: str) -> DigestSubscription | None:
    """End the subscription of an unsubscribe token, if it has not ended; returns None for an unknown token."""
    subscription = DigestSubscription.objects.with_unsubscribe_token(token).first()
    if subscription and subscription.enabled:
        subscription.enabled = False
        subscription.save(update_fields=["enabled"])
        changes = {"enabled": (True, False)}
        record_action("digest.changed", subscription, changes=changes, accounts=list_accounts(subscription))
    return subscription


def list_accounts(subscription: DigestSubscription) -> list[int | None]:
    """List the accounts that a subscription is about, in whose audit logs it appears."""
    chosen = Site.objects.filter(pk__in=subscription.sites).order_by().values_list("account_id", flat=True).distinct()
    return [*chosen] or list_user_accounts(subscription.user)


def digests_send(*, now: datetime) -> int:
    """Send every digest that is due and was not claimed; returns the number of mails sent. Safe to run twice.

    A digest that cannot be built is logged and tried again in the next round; the others are sent. Only a store that
    cannot be reached ends the round, since no other digest could be built either.
    """
    due = DigestSubscription.objects.filter(enabled=True, user__is_active=True).select_related("user")
    return sum(run_each(due, lambda row: digest_send(subscription=row, now=now), what="Digest", stop_for=(StoreAway,)))


def digest_send(*, subscription: DigestSubscription, now: datetime) -> bool:
    """Send a subscription's mail for the last closed period, if it is due; return whether it was sent."""
    sites = list(list_visible_sites(subscription))
    if not sites:
        return False
    period = find_closed_period(subscription.frequency, sites[0].timezone, now)
    local = now.astimezone(ZoneInfo(sites[0].timezone))
    if local.hour < SENDING_HOUR or now - period.end > MAX_DELAY or subscription.created > period.end:
        return False
    if subscription.mails.filter(period=format_period(period)).exists():
        return False
    # Built before the claim, because a mail that was claimed is never tried again
    frequency = subscription.frequency
    digests = [build_digest(site, find_closed_period(frequency, site.timezone, now), now) for site in sites]
    message = build_message(subscription, digests)
    mail = claim_mail(subscription, period)
    return mail is not None and send_claimed_mail(message, mail, now)


def send_claimed_mail(message: DigestEmail, mail: DigestMail, now: datetime) -> bool:
    """Send a claimed mail and record the outcome; return whether it was sent."""
    try:
        message.send()
    except Exception as error:
        DigestMail.objects.filter(pk=mail.pk).update(error=f"{type(error).__name__}: {error}"[:300])
        if isinstance(error, OSError):
            return False
        raise
    DigestMail.objects.filter(pk=mail.pk).update(sent=now)
    return True


def claim_mail(subscription: DigestSubscription, period: Period) -> DigestMail | None:
    """Claim the sending of this period's mail; return None if it was claimed before."""
    try:
        with transaction.atomic():
            return DigestMail.objects.create(subscription=subscription, period=format_period(period))
    except IntegrityError:
        return None


def format_period(period: Period) -> str:
    return f"{period.first_day}..{period.last_day}"


def list_visible_sites(subscription: DigestSubscription) -> list[Site]:
    """Return the subscription's sites that its reader may still see."""
    mine = select_sites(subscription.user)
    return list(mine.filter(pk__in=subscription.sites) if subscription.sites else mine)
