"""Models of tracked links and pixels (ClickMeter calls both datapoints) and of what they use.

Enumerations have the numbers that programs written for ClickMeter send and expect, so one model serves the pages, the
redirector and the dialect.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.db import models
from django.db.models.functions import Lower

from accounts.models import Account
from sites.models import VersionedModel


class DomainKind(models.IntegerChoices):
    """Who owns a link domain: the installation (system, go) or an account (personal, dedicated)."""

    SYSTEM = 0, "System"
    GO = 1, "Go"
    DEDICATED = 2, "Dedicated"
    PERSONAL = 3, "Personal"


class Domain(VersionedModel):
    """A host name whose paths are aliases. Without an account it serves every account.

    An account's domain is served while the account's claim on the host is verified (`accounts.custom_domains`).
    """

    account = models.ForeignKey(Account, models.CASCADE, null=True, blank=True, related_name="link_domains")
    name = models.CharField(max_length=253)
    kind = models.IntegerField(choices=DomainKind.choices, default=DomainKind.PERSONAL)
    custom_404 = models.CharField(max_length=2000, blank=True)
    custom_homepage = models.CharField(max_length=2000, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    deleted = models.DateTimeField(null=True, blank=True)
    checked = models.DateTimeField(null=True, blank=True)
    check_result = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="one_link_domain_per_account"),
            models.UniqueConstraint(fields=["name"], condition=models.Q(account=None), name="one_own_link_domain"),
        ]
        indexes = [models.Index(fields=["name"])]

    def __str__(self) -> str:
        return self.name

    @property
    def is_former(self) -> bool:
        """Whether this is a former name of the installation's own domain, whose aliases are that one's."""
        return self.account_id is None and self.kind == DomainKind.GO


class Tag(models.Model):
    """A label on links and groups; names are unique per account, ignoring case."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="link_tags")
    name = models.CharField(max_length=100)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(models.F("account"), Lower("name"), name="one_tag_per_account")]

    def __str__(self) -> str:
        return self.name


class Group(models.Model):
    """A group of links (a campaign); every link is in one. Deleting it deletes its links."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="link_groups")
    name = models.CharField(max_length=200)
    notes = models.TextField(blank=True)
    favourite = models.BooleanField(default=False)
    redirect_only = models.BooleanField(default=False, help_text="Redirect without tracking")
    is_public = models.BooleanField(default=False)
    tags = models.ManyToManyField(Tag, blank=True, related_name="groups")
    created = models.DateTimeField(auto_now_add=True)
    deleted = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class DatapointKind(models.IntegerChoices):
    """A link or a pixel."""

    LINK = 0, "Tracking link"
    PIXEL = 1, "Tracking pixel"


class Status(models.IntegerChoices):
    """Active redirects and counts; paused does neither; blocked displays a warning; deleted is final."""

    ACTIVE = 0, "Active"
    PAUSED = 1, "Paused"
    BLOCKED = 2, "Blocked"
    DELETED = 3, "Deleted"


class Mode(models.IntegerChoices):
    """How a link chooses where to send a click."""

    SIMPLE = 0, "One address"
    RANDOM = 1, "Random"
    LANGUAGE = 2, "By language"
    SPILLOVER = 3, "Spillover: each visitor walks the list"
    DYNAMIC = 4, "Dynamic address"
    BROWSER = 5, "By kind of browser"
    NATION = 6, "By country"
    UNIQUE = 7, "First click elsewhere"
    SEQUENTIAL = 8, "In turn"
    WEIGHTED = 9, "By weight"


ROTATORS = frozenset({Mode.RANDOM, Mode.SPILLOVER, Mode.SEQUENTIAL, Mode.WEIGHTED})


class ReferrerClean(models.IntegerChoices):
    """What a destination sees as the referrer."""

    NONE = 0, "Keep it"
    CLEAN = 1, "Send none"
    MYSELF = 2, "Send the link itself"


class Script(VersionedModel):
    """A retargeting snippet that runs on an interstitial page before the redirect."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="link_scripts")
    name = models.CharField(max_length=200)
    script = models.TextField(max_length=20_000)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


def conversion_code() -> str:
    """Generate the code by which pages report a conversion: 32 upper-case hexadecimal digits."""
    return secrets.token_hex(16).upper()


class Protocol(models.IntegerChoices):
    """The scheme in which a page calls a conversion."""

    HTTP = 0, "http"
    HTTPS = 1, "https"


class Conversion(VersionedModel):
    """A conversion that is counted up to `window_days` after a click. A parameter (order number) counts once."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="link_conversions")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    value = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    currency = models.CharField(max_length=3, blank=True)
    protocol = models.IntegerField(choices=Protocol.choices, default=Protocol.HTTPS)
    code = models.CharField(max_length=32, unique=True, default=conversion_code)
    window_days = models.PositiveIntegerField(default=30)
    created = models.DateTimeField(auto_now_add=True)
    deleted = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class Datapoint(VersionedModel):
    """A tracked link or pixel. `alias` is unique on its domain forever, ignoring case; `rules` holds what the mode
    needs, in the shape that `links.routing.rules` describes."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="datapoints")
    group = models.ForeignKey(Group, models.CASCADE, related_name="datapoints")
    kind = models.IntegerField(choices=DatapointKind.choices, default=DatapointKind.LINK)
    status = models.IntegerField(choices=Status.choices, default=Status.ACTIVE)
    domain = models.ForeignKey(Domain, models.PROTECT, related_name="datapoints")
    alias = models.CharField(max_length=100)
    alias_key = models.CharField(max_length=100, editable=False)
    title = models.CharField(max_length=200, blank=True)
    notes = models.TextField(blank=True)
    favourite = models.BooleanField(default=False)
    tags = models.ManyToManyField(Tag, blank=True, related_name="datapoints")
    conversions = models.ManyToManyField(Conversion, through="Attached", related_name="datapoints")
    scripts = models.ManyToManyField(Script, blank=True, related_name="datapoints")

    url = models.CharField(max_length=4000, blank=True)
    first_url = models.CharField(max_length=4000, blank=True)
    mode = models.IntegerField(choices=Mode.choices, default=Mode.SIMPLE)
    rules = models.JSONField(default=dict, blank=True)
    redirect_type = models.IntegerField(default=301)
    append_query = models.BooleanField(default=False)
    encode_url = models.BooleanField(default=False)
    hide_url = models.BooleanField(default=False)
    hide_url_title = models.CharField(max_length=200, blank=True)
    referrer_clean = models.IntegerField(choices=ReferrerClean.choices, default=ReferrerClean.NONE)
    is_ab_test = models.BooleanField(default=False)
    go_domain = models.ForeignKey(Domain, models.SET_NULL, null=True, blank=True, related_name="+")
    password = models.CharField(max_length=200, blank=True, help_text="A hash; empty = none")
    starts = models.DateTimeField(null=True, blank=True)
    expiration_date = models.DateTimeField(null=True, blank=True)
    url_after_date = models.CharField(max_length=4000, blank=True)
    pause_after_date = models.BooleanField(default=False)
    expiration_clicks = models.BigIntegerField(default=0)
    url_after_clicks = models.CharField(max_length=4000, blank=True)
    pause_after_clicks = models.BooleanField(default=False)
    parameter_note = models.CharField(max_length=500, blank=True)

    encode_ip = models.BooleanField(default=False, help_text="Keep only a part of visitors' addresses")
    is_public = models.BooleanField(default=False)
    is_secured = models.BooleanField(default=False)
    light_tracking = models.BooleanField(default=False)
    redirect_only = models.BooleanField(default=False, help_text="Redirect without tracking")
    cost = models.DecimalField(max_digits=14, decimal_places=4, default=0, help_text="Of one click")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["domain", "alias_key"], name="one_alias_per_domain_for_ever")]
        indexes = [models.Index(fields=["account", "status"])]

    def __str__(self) -> str:
        return self.title or self.alias

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.alias_key = self.alias.lower()
        super().save(*args, **kwargs)


MAX_CONVERSIONS = 5
MAX_SCRIPTS = 20  # of one link, since every click sends all of them


class Attached(models.Model):
    """One of up to five conversions of a link, at a position from 1 to 5."""

    datapoint = models.ForeignKey(Datapoint, models.CASCADE, related_name="attached")
    conversion = models.ForeignKey(Conversion, models.CASCADE, related_name="attached")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["datapoint", "position"], name="one_conversion_per_place"),
            models.UniqueConstraint(fields=["datapoint", "conversion"], name="a_conversion_once_per_link"),
        ]

    def __str__(self) -> str:
        return f"{self.conversion_id} in place {self.position}"


def entry_code() -> str:
    """Generate the public id of a list entry, as ClickMeter's clients expect it."""
    return secrets.token_hex(16).upper()


class Listing(models.TextChoices):
    """The account's two lists."""

    BLACKLIST = "blacklist", "Addresses that are not tracked"
    WHITELIST = "whitelist", "Hosts a dynamic address may lead to"


MAX_LIST_ENTRIES = 50


class Entry(VersionedModel):
    """An entry of one of the account's two lists."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="link_entries")
    listing = models.CharField(max_length=10, choices=Listing.choices)
    value = models.CharField(max_length=253)
    code = models.CharField(max_length=32, unique=True, default=entry_code)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "listing", "value"], name="one_entry_per_list")]

    def __str__(self) -> str:
        return self.value


class Destination(models.Model):
    """A watched destination of a link and the result of its last check.

    A worker claims a check by moving `next_due`. `dead_since` is the first of at least two failures in a row.
    """

    datapoint = models.ForeignKey(Datapoint, models.CASCADE, related_name="watched_destinations")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the address")
    url = models.CharField(max_length=4000)
    next_due = models.DateTimeField(db_index=True)
    checked = models.DateTimeField(null=True, blank=True)
    first_failure = models.DateTimeField(null=True, blank=True)
    dead_since = models.DateTimeField(null=True, blank=True)
    cause = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["datapoint", "digest"], name="a_destination_once_per_link")]

    def __str__(self) -> str:
        return self.url
