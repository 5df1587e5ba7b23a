"""Writes to sites, their settings and their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock
from django.utils.crypto import get_random_string

from accounts.account_limits import check_limit
from accounts.audit.recording import read_fields, record_action, record_change
from accounts.custom_domains.services import host_claim, host_provision, host_release
from accounts.host_names import is_public_host, is_reserved_host, normalize_host
from accounts.keys import derive_key, generate_key, hash_key
from accounts.models import Account, HostClaim, Purpose, User
from accounts.notices.kinds import SITE_KEY_CREATED, NoticeValues
from accounts.notices.services import notify
from accounts.revocation import exposed_keys_clear
from accounts.services import account_lock
from sites import site_cache
from sites.models import FIRST_SITE_ID, ApiKey, Site, take_change_number
from sites.settings_fields import clean_settings

PREFIX_LENGTH = 10
PROVISIONED = "provision"
PROXY_KIND = "proxy-secret"  # of exposed keys (`accounts.revocation`)
MAX_MARKS = 500  # overrides of the bot detection, of each kind
MAX_SITES_AT_ONCE = 200


@dataclass(frozen=True)
class NewSite:
    """A site to be created, as somebody wrote it; without a time zone it has its account's."""

    domain: str
    nickname: str = ""
    timezone: str = ""


@transaction.atomic
def site_create(
    *,
    account: Account,
    domain: str,
    timezone: str = "UTC",
    nickname: str = "",
    by_operator: bool = False,
    **settings: object,
) -> Site:
    """Create a site with the next free id. `settings` are fields of Site. Raises ValidationError.

    Its domain is claimed, and verified if the operator creates the site and no other account has the host.
    """
    fields = clean_settings({"domain": domain, "timezone": timezone, "nickname": nickname, **settings})
    _claim_domain(account, str(fields["domain"]), by_operator)
    take_change_number()  # its lock lets no other transaction use the same id
    used = Site.objects.filter(account=account, deleted=None).count()
    check_limit(account, "sites", used=used, field="domain", what="sites")
    newest = Site.objects.order_by("-pk").values_list("pk", flat=True).first()
    site = Site(pk=max(FIRST_SITE_ID, (newest or 0) + 1), account=account, **fields)
    site.save(force_insert=True)
    record_action("site.created", site)
    transaction.on_commit(site_cache.refresh_soon)
    return site


@transaction.atomic
def sites_create(*, account: Account, sites: Sequence[NewSite], labels: Sequence[str] = ()) -> list[Site]:
    """Create many sites with the same labels, or none of them.

    Raises ValidationError for `sites`, with a sentence for each that cannot be created.
    """
    if not 0 < len(sites) <= MAX_SITES_AT_ONCE:
        raise ValidationError({"sites": f"Name 1 to {MAX_SITES_AT_ONCE} sites at once."})
    known = set(Site.objects.filter(account=account, deleted=None).values_list("domain", flat=True))
    created: list[Site] = []
    mistakes: list[str] = []
    for number, new in enumerate(sites, 1):
        try:
            if normalize_host(new.domain) in known:
                raise ValidationError("This domain is in the account, or above in the list, already.")
            zone = new.timezone or account.timezone
            site = site_create(
                account=account, domain=new.domain, timezone=zone, nickname=new.nickname, labels=list(labels)
            )
        except ValidationError as error:
            mistakes.append(f"{number}. {new.domain[:80]}: {' '.join(error.messages)}")
        else:
            known.add(site.domain)
            created.append(site)
    if mistakes:
        raise ValidationError({"sites": mistakes})
    return created


@transaction.atomic
def site_update(*, site: Site, **changes: object) -> Site:
    """Change fields of a site. Raises ValidationError (a dict by field) and leaves the site as it was."""
    fields = clean_settings(changes)
    stored = read_fields(site)
    before, domain = site.domain, str(fields.get("domain", site.domain))
    if domain != before:
        _claim_domain(site.account, domain, by_operator=False)
    if fields.get("proxy_secret", site.proxy_secret) != site.proxy_secret:
        exposed_keys_clear(kind=PROXY_KIND, object_id=site.pk)
    for name, value in fields.items():
        setattr(site, name, value)
    site.save(update_fields=list(fields))
    if domain != before:
        _release_domain(site.account, before)
    record_change("site.changed", site, stored)
    transaction.on_commit(site_cache.refresh_soon)
    return site


@transaction.atomic
def visitors_mark(*, site: Site, marks: list[str], robots: bool) -> Site:
    """Store that these `device:<number>` and `agent:<user agent>` are robots, or are people.

    The newest MAX_MARKS of each kind are stored; a mark that is repeated counts as new.
    """
    row = Site.objects.select_for_update().get(pk=site.pk)
    before = read_fields(row)
    same_kind, other = (row.robots, row.people) if robots else (row.people, row.robots)
    same_kind[:] = [*(mark for mark in same_kind if mark not in marks), *marks][-MAX_MARKS:]
    other[:] = [mark for mark in other if mark not in marks]
    row.save(update_fields=["people", "robots"])
    record_change("site.changed", row, before)
    transaction.on_commit(site_cache.refresh_soon)
    return row


@transaction.atomic
def site_delete(*, site: Site, now: datetime | None = None) -> None:
    """Mark a site as deleted: its hits are rejected from now on; its events stay until they are erased."""
    site.deleted = now or clock.now()
    site.save(update_fields=["deleted"])
    _release_domain(site.account, site.domain)
    exposed_keys_clear(kind="site", object_id=site.pk)
    exposed_keys_clear(kind=PROXY_KIND, object_id=site.pk)
    record_action("site.deleted", site)
    transaction.on_commit(site_cache.refresh_soon)


@transaction.atomic
def site_proxy_secret_replace(*, site: Site) -> Site:
    """Replace the secret in the proxied path; hits with the old one no longer count as forwarded by the proxy."""
    return site_update(site=site, proxy_secret=get_random_string(24))


@transaction.atomic
def site_keys_rotate(*, site: Site) -> Site:
    """Replace `sitekey` and `sitekey_admin`; the old ones stop working."""
    site.key_generation += 1
    site.save(update_fields=["key_generation"])
    exposed_keys_clear(kind="site", object_id=site.pk)
    record_action("site_keys.replaced", site)
    transaction.on_commit(site_cache.refresh_soon)
    return site


@transaction.atomic
def api_key_create(
    *,
    site: Site,
    name: str,
    can_read: bool = True,
    can_track: bool = True,
    trusted: bool = False,
    expires: datetime | None = None,
    user: User | None = None,
) -> tuple[ApiKey, str]:
    """Create a key; returns it with its plain text, which is not stored.

    Raises ValidationError for a key without any permission or already expired, and above the limit of keys.
    """
    if not (can_read or can_track):
        raise ValidationError({"can_read": "A key must be allowed to read, to track, or both."})
    if expires is not None and expires <= clock.now():
        raise ValidationError({"expires": "The key would already be expired."})
    account_lock(site.account)
    used = ApiKey.objects.filter(site=site, revoked=None).count()
    check_limit(site.account, "api_keys_per_site", used=used, field="name", what="keys on one site")
    plain = generate_key("ck_")
    key = ApiKey(
        site=site,
        name=name.strip()[:120] or "API key",
        prefix=plain[:PREFIX_LENGTH],
        hash=hash_key(plain),
        can_read=can_read,
        can_track=can_track,
        trusted=trusted and can_track,
        expires=expires,
        created_by=user,
    )
    key.save()
    record_action("api_key.created", key)
    values: NoticeValues = {"key": key.name, "site": site.domain, "site_id": site.pk}
    notify(SITE_KEY_CREATED, values, account=site.account, by=user)
    transaction.on_commit(site_cache.refresh_soon)
    return key, plain


@transaction.atomic
def api_key_revoke(*, key: ApiKey, now: datetime | None = None) -> None:
    """Revoke a key; a second call changes nothing."""
    if key.revoked is None:
        key.revoked = now or clock.now()
        key.save(update_fields=["revoked"])
        record_action("api_key.revoked", key)
        transaction.on_commit(site_cache.refresh_soon)


@transaction.atomic
def api_key_provision(*, site: Site) -> str:
    """Get or create the site's provisioned key; returns its plain text, the same on every call until it is revoked.

    It is derived from SECRET_KEY, so that a script can run again without creating more keys, and no plain text is
    stored.
    """
    plain = derive_provisioned_key(site)
    if not ApiKey.objects.filter(site=site, name=PROVISIONED, hash=hash_key(plain)).exists():
        key = ApiKey(site=site, name=PROVISIONED, prefix=plain[:PREFIX_LENGTH], hash=hash_key(plain))
        key.save()
        record_action("api_key.created", key)
        transaction.on_commit(site_cache.refresh_soon)
    return plain


def derive_provisioned_key(site: Site) -> str:
    """Return the plain text of `api_key_provision`'s key; it changes when the key is revoked or SECRET_KEY changes."""
    generation = ApiKey.objects.filter(site=site, name=PROVISIONED).exclude(revoked=None).count() + 1
    return "ck_" + derive_key("provision", site.pk, generation, 32)


@transaction.atomic
def site_provision(*, account: Account, domain: str, timezone: str = "UTC") -> Site:
    """Get or create the account's site of this domain, and verify the domain unless another account has it."""
    name = normalize_host(domain)
    site = Site.objects.filter(account=account, domain=name, deleted=None).order_by("pk").first()
    if site is None:
        return site_create(account=account, domain=domain, timezone=timezone, by_operator=True)
    host_provision(account=account, host=name, purpose=Purpose.SITE)
    return site


def _claim_domain(account: Account, domain: str, by_operator: bool) -> None:
    """Claim a site's domain. Names that are not public, such as localhost, cannot be claimed.

    Raises ValidationError for a reserved host, on which only the operator may create a site.
    """
    if by_operator:
        is_verified = host_provision(account=account, host=domain, purpose=Purpose.SITE)
        if is_verified or is_reserved_host(domain):
            return
    if is_public_host(domain) and not domain.endswith(".localhost"):
        host_claim(account=account, host=domain, purpose=Purpose.SITE, field="domain")


def _release_domain(account: Account, domain: str) -> None:
    """Delete the claim on the domain that a site had, unless another site of the account has the same domain."""
    if not Site.objects.filter(account=account, domain=domain, deleted=None).exists():
        host_release(account=account, host=domain, purpose=Purpose.SITE)


def claim_changed(claim: HostClaim) -> None:
    """Reload the sites of a claim's domain, and all caches of hosts, after the claim has changed."""
    newest = take_change_number()
    if claim.purpose == Purpose.SITE:
        Site.objects.filter(account=claim.account_id, domain=claim.host, deleted=None).update(change=newest)
    transaction.on_commit(site_cache.refresh_soon)


def suspension_changed(account: Account) -> None:
    """Reload the sites and links of an account that was suspended or resumed."""
    newest = take_change_number()
    Site.objects.filter(account=account, deleted=None).update(change=newest)
    transaction.on_commit(site_cache.refresh_soon)


@transaction.atomic
def quota_flag_set(*, account: Account, over: bool) -> None:
    """Store whether an account has used more of its monthly quota than is recorded; then hits of its sites are
    rejected."""
    if account.over_quota == over:
        return
    account.over_quota = over
    account.save(update_fields=["over_quota"])
    record_action("account.changed", account, changes={"over_quota": (not over, over)})
    newest = take_change_number()  # an account without sites may have links
    Site.objects.filter(account=account, deleted=None).update(change=newest)
    transaction.on_commit(site_cache.refresh_soon)
