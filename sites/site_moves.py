"""Moving a site to another account, with its history.

Everything that was recorded is stored under the site's number, so nothing of the past is touched, and all reports
answer the same numbers before and after. Goals, funnels, segments, notes, monitors, shared links and keys belong to
the site and come along. What belongs to the account that it leaves ends.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock

from accounts.account_limits import check_limit
from accounts.audit.recording import record_action
from accounts.custom_domains.services import format_reserved_message, host_claim, host_hand_over, host_release
from accounts.host_names import is_public_host, is_reserved_host
from accounts.models import Account, Grant, Membership, Purpose, User
from accounts.notices.kinds import SITE_MOVED, NoticeValues
from accounts.notices.services import notify
from accounts.permissions import AccountSuspended, SecondFactorRequired, find_membership, membership_may
from accounts.revocation import exposed_keys_add, exposed_keys_move
from accounts.services import account_lock
from sites import site_cache
from sites.models import Site
from sites.selectors import KIND
from sites.services import PROXY_KIND

MoveListener = Callable[[Site], object]
MOVE_LISTENERS: list[MoveListener] = []


def register_move_listener(listener: MoveListener) -> None:
    """Call `listener` in the transaction in which a site moves to another account, which it has then already."""
    MOVE_LISTENERS.append(listener)


@transaction.atomic
def site_move(*, site: Site, account: Account, by: User | None = None) -> Site:
    """Move a site to another account. Raises ValidationError if it is there already, and above the limit of sites.

    `by`, who moves it, is not told. Guests of the old account lose it. Members who no longer reach it may know its
    keys, which keep working: they are listed as exposed. The account's claim on the domain comes along, unless another
    of its sites has the domain.
    """
    old = site.account
    if account.pk == old.pk:
        raise ValidationError({"account": "The site is in this account already."})
    for each in sorted((old, account), key=lambda row: row.pk):  # in this order everywhere, so nobody waits in a circle
        account_lock(each)
    if not Site.objects.select_for_update().filter(pk=site.pk, account=old, deleted=None).exists():
        raise ValidationError({"account": "The site has moved to another account, or was deleted, meanwhile."})
    used = Site.objects.filter(account=account, deleted=None).count()
    check_limit(account, "sites", used=used, field="account", what="sites")
    readers = list_key_readers(site)
    move_domain_claim(site, account)
    site.account = account
    site.save(update_fields=["account"])
    Grant.objects.filter(kind=KIND, object_id=site.pk, membership__account=old).delete()
    expose_keys(site, readers, clock.now())
    for listener in MOVE_LISTENERS:
        listener(site)
    changes = {"account": (str(old), str(account))}
    record_action("site.moved", site, changes=changes, accounts=[old.pk, account.pk])
    notify_of_move(site, old, by)
    transaction.on_commit(site_cache.refresh_soon)
    return site


def notify_of_move(site: Site, old: Account, by: User | None) -> None:
    """Tell the managers of both accounts, but for who moved the site."""
    values: NoticeValues = {"site": site.domain, "old": str(old), "new": str(site.account)}
    key = f"move:{uuid.uuid4().hex}"  # who manages both accounts is told once
    notify(SITE_MOVED, {**values, "site_id": site.pk}, account=site.account, by=by, key=key)
    notify(SITE_MOVED, values, account=old, by=by, key=key)


def list_key_readers(site: Site) -> list[Membership]:
    """List the members of the site's account who can read its keys: all who may see it."""
    granted = set(Grant.objects.filter(kind=KIND, object_id=site.pk).values_list("membership_id", flat=True))
    members = site.account.memberships.accepted().select_related("user", "account")
    return [row for row in members if membership_may(row, "view") or row.pk in granted]


def expose_keys(site: Site, readers: list[Membership], now: datetime) -> None:
    """List the keys of a moved site as exposed to those who could read them and do not reach it any more."""
    keys = {(KIND, site.pk, "sitekey")} | ({(PROXY_KIND, site.pk, "proxy_secret")} if site.proxy_secret else set())
    for kind in (KIND, PROXY_KIND):
        exposed_keys_move(kind=kind, object_id=site.pk, account=site.account)
    for membership in readers:
        if not reaches_account(membership.user, site.account):
            exposed_keys_add(membership=membership, keys=keys, now=now, account=site.account)


def reaches_account(user: User, account: Account) -> bool:
    """Whether the user may see all of an account, perhaps after it is resumed or they have set up a second factor."""
    try:
        return membership_may(find_membership(user, account), "view")
    except (AccountSuspended, SecondFactorRequired):
        return True


def move_domain_claim(site: Site, account: Account) -> None:
    """Give the claim on the site's domain to the account that it moves to. It is claimed anew if another site of the
    old account needs the claim, or if it cannot be handed over; then the old account has none any more.

    Raises ValidationError for a host of the installation, on which only the operator creates sites.
    """
    if is_reserved_host(site.domain):
        raise ValidationError({"account": format_reserved_message(site.domain)})
    others = Site.objects.filter(account=site.account, domain=site.domain, deleted=None).exclude(pk=site.pk)
    if not others.exists():
        if host_hand_over(account=site.account, to=account, host=site.domain, purpose=Purpose.SITE):
            return
        host_release(account=site.account, host=site.domain, purpose=Purpose.SITE)
    if is_public_host(site.domain) and not site.domain.endswith(".localhost"):
        host_claim(account=account, host=site.domain, purpose=Purpose.SITE, field="account")
