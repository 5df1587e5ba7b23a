"""Where: sites, what they collect, and the keys that open them."""

from __future__ import annotations

from django.db import models

from accounts.keys import derived_key
from accounts.models import Account, User

FIRST_SITE_ID = 101_000_001


class Addresses(models.TextChoices):
    """What is kept of a visitor's IP address."""

    KEEP = "keep", "Keep the whole address"
    TRUNCATE = "truncate", "Cut it (IPv4 to /24, IPv6 to /48)"
    DROP = "drop", "Keep nothing"


class Cookies(models.TextChoices):
    """Whether the tracker may set `_jsuid`."""

    ON = "on", "Set a visitor cookie"
    CONSENT = "consent", "Only after consent"
    OFF = "off", "Never"


class Site(models.Model):
    """A tracked site. The numeric id is public: it stands in every snippet."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(Account, models.CASCADE, related_name="sites")
    domain = models.CharField(max_length=253, help_text="The site's main host name")
    nickname = models.CharField(max_length=120, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    created = models.DateTimeField(auto_now_add=True)
    deleted = models.DateTimeField(null=True, blank=True)
    key_generation = models.PositiveIntegerField(default=1)

    # Which hosts may send: own domain and its subdomains always; more by pattern (`*example.org` = with subdomains)
    allowed_hosts = models.JSONField(default=list, blank=True)
    any_host = models.BooleanField(default=False, help_text="Accept hits from every host name")

    # Privacy
    addresses = models.CharField(max_length=10, choices=Addresses.choices, default=Addresses.TRUNCATE)
    cookies = models.CharField(max_length=10, choices=Cookies.choices, default=Cookies.OFF)
    respect_dnt = models.BooleanField(default=True, help_text="Honour DNT: 1 and Sec-GPC: 1")
    retention_months = models.PositiveIntegerField(default=0, help_text="0 = keep for ever")

    # Exclusions
    excluded_ips = models.JSONField(default=list, blank=True, help_text="Addresses and CIDR networks")
    excluded_pages = models.JSONField(default=list, blank=True, help_text="Paths, `*` as wildcard")
    excluded_countries = models.JSONField(default=list, blank=True, help_text="ISO codes; A1 = data-centre network")

    # First-party proxy: addresses whose X-Forwarded-For is believed, or a secret word in the proxied path
    proxy_addresses = models.JSONField(default=list, blank=True)
    proxy_secret = models.CharField(max_length=40, blank=True)

    # What the tracker does on this site: visit timeout in minutes, pings, outbound, heatmap sampling …
    tracker = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return self.nickname or self.domain

    @property
    def sitekey(self) -> str:
        """Reads this site's statistics in the Clicky dialect."""
        return derived_key("sitekey", self.pk, self.key_generation)

    @property
    def sitekey_admin(self) -> str:
        """Logs server-side into this site in the Clicky dialect."""
        return derived_key("sitekey_admin", self.pk, self.key_generation)


class ApiKey(models.Model):
    """A `ck_…` key of one site: shown once, stored as a hash; may read, track, or both."""

    site = models.ForeignKey(Site, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=12, help_text="The first characters, to recognise it")
    hash = models.CharField(max_length=64, unique=True)
    can_read = models.BooleanField(default=True)
    can_track = models.BooleanField(default=True)
    trusted = models.BooleanField(default=False, help_text="May state another IP, user agent and time; no rate limit")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
