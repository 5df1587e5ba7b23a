"""Models of sites, their settings and their API keys."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction

from accounts.keys import derive_key
from accounts.models import Account, User
from accounts.security.encrypted_fields import EncryptedCharField
from accounts.validators import build_choice_check

FIRST_SITE_ID = 101_000_001
MAX_RETENTION_MONTHS = 1200


class AddressPolicy(models.TextChoices):
    """How much of a visitor's IP address is stored."""

    KEEP = "keep", "Store it in full"
    TRUNCATE = "truncate", "Truncate it (IPv4 to /24, IPv6 to /48)"
    DROP = "drop", "Do not store it"


class CookiePolicy(models.TextChoices):
    """When the tracker may set the visitor cookie `_jsuid`."""

    ON = "on", "Set a visitor cookie"
    CONSENT = "consent", "Only after consent"
    OFF = "off", "Never"


class Change(models.Model):
    """The number of the newest change to sites, keys and links, in a single row.

    A cache with an older number loads the rows that changed since. Writers hold the row's lock until they commit, so
    numbers become visible in ascending order.
    """

    number = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="change_is_a_single_row")]

    def __str__(self) -> str:
        return str(self.number)


def take_change_number() -> int:
    """Return the next change number. Must be called inside the transaction that makes the change."""
    row = Change.objects.filter(pk=1)
    if not row.update(number=models.F("number") + 1):
        Change.objects.get_or_create(pk=1)  # the first change of an installation
        row.update(number=models.F("number") + 1)
    return row.values_list("number", flat=True).get()


def get_newest_change_number() -> int:
    """Return the number of the newest change, 0 before the first."""
    return Change.objects.filter(pk=1).values_list("number", flat=True).first() or 0


class VersionedModel(models.Model):
    """A row that gets a new change number with every `save`, so that the caches load it again.

    `queryset.update` does not set one: use it for fields that are not cached, such as `last_used`.
    """

    change = models.BigIntegerField(default=0, db_index=True, editable=False)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            self.change = take_change_number()
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "change"}
            super().save(*args, **kwargs)


class Site(VersionedModel):
    """A measured website. Its numeric id is public: every snippet contains it."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(Account, models.CASCADE, related_name="sites")
    domain = models.CharField(max_length=253, help_text="The site's main host name")
    nickname = models.CharField(max_length=120, blank=True)
    labels = models.JSONField(default=list, blank=True, help_text="Words by which people group sites")
    timezone = models.CharField(max_length=64, default="UTC")
    created = models.DateTimeField(auto_now_add=True)
    deleted = models.DateTimeField(null=True, blank=True)
    key_generation = models.PositiveIntegerField(default=1)

    # Hosts that may send hits besides the domain and its subdomains; `*example.org` includes subdomains
    allowed_hosts = models.JSONField(default=list, blank=True)
    any_host = models.BooleanField(default=False, help_text="Accept hits from every host name")

    # Privacy
    addresses = models.CharField(max_length=10, choices=AddressPolicy.choices, default=AddressPolicy.TRUNCATE)
    cookies = models.CharField(max_length=10, choices=CookiePolicy.choices, default=CookiePolicy.OFF)
    respect_dnt = models.BooleanField(default=True, help_text="Honour DNT: 1 and Sec-GPC: 1")
    retention_months = models.PositiveIntegerField(default=0, help_text="0 = keep for ever")

    # Exclusions
    excluded_ips = models.JSONField(default=list, blank=True, help_text="Addresses and CIDR networks")
    excluded_pages = models.JSONField(default=list, blank=True, help_text="Paths, `*` as wildcard")
    excluded_countries = models.JSONField(default=list, blank=True, help_text="ISO codes; A1 = data-centre network")

    # First-party proxy: addresses whose X-Forwarded-For is trusted, or a secret in the proxied path
    proxy_addresses = models.JSONField(default=list, blank=True)
    proxy_secret = EncryptedCharField(max_length=40, blank=True)

    # Settings of the tracker, by the names in `settings_fields.TrackerSettings`
    tracker = models.JSONField(default=dict, blank=True)
    # Settings of the on-site widget, by the names in `widget_settings.WidgetSettings`
    widget = models.JSONField(default=dict, blank=True)

    # Overrides of the bot detection: `device:<number>`, `agent:<user agent>`, the newest last
    people = models.JSONField(default=list, blank=True, editable=False)
    robots = models.JSONField(default=list, blank=True, editable=False)

    class Meta:
        constraints = [
            build_choice_check("addresses", AddressPolicy, "site_addresses_is_known"),
            build_choice_check("cookies", CookiePolicy, "site_cookies_is_known"),
            models.CheckConstraint(
                condition=models.Q(retention_months__lte=MAX_RETENTION_MONTHS), name="site_retention_has_a_limit"
            ),
        ]
        # Lists and searches are of the sites of one account that are not deleted, by domain
        indexes = [
            models.Index(fields=["account", "domain"], condition=models.Q(deleted=None), name="site_by_account_domain")
        ]

    def __str__(self) -> str:
        return self.nickname or self.domain

    @property
    def sitekey(self) -> str:
        """The key that reads this site's statistics in the Clicky dialect."""
        return derive_key("sitekey", self.pk, self.key_generation)

    @property
    def sitekey_admin(self) -> str:
        """The key that sends events of this site from servers in the Clicky dialect."""
        return derive_key("sitekey_admin", self.pk, self.key_generation)


class ApiKey(VersionedModel):
    """A `ck_…` key of one site, for reading, tracking or both. It is displayed once and stored as a hash."""

    site = models.ForeignKey(Site, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=12, help_text="The first characters, to recognise it")
    hash = models.CharField(max_length=64, unique=True)
    can_read = models.BooleanField(default=True)
    can_track = models.BooleanField(default=True)
    trusted = models.BooleanField(
        default=False, help_text="May send the visitor's IP, user agent and time; no rate limit"
    )
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
