"""Tracked links and pixels (ClickMeter calls both datapoints), and what they use: domains, groups, scripts, lists …"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from accounts.models import Account
from links.models.conversions import Conversion
from links.models.fields import MAX_URL, CodeField, build_choice_checks
from sites.models import VersionedModel

MAX_LIST_ENTRIES = 50  # of each of an account's lists
MAX_SCRIPTS = 20  # of one link, since every click sends all of them


class DomainKind(models.IntegerChoices):
    """Who owns a link domain: the installation (system, go) or an account (personal, dedicated)."""

    SYSTEM = 0, "System"
    GO = 1, "Go"
    DEDICATED = 2, "Dedicated"
    PERSONAL = 3, "Personal"


INSTALLATION_KINDS = (DomainKind.SYSTEM, DomainKind.GO)
ACCOUNT_KINDS = (DomainKind.DEDICATED, DomainKind.PERSONAL)


class Domain(VersionedModel):
    """A host name whose paths are aliases. Without an account it serves every account.

    An account's domain is served while the account's claim on the host is verified (`accounts.custom_domains`).
    """

    account = models.ForeignKey(Account, models.CASCADE, null=True, blank=True, related_name="link_domains")
    name = models.CharField(max_length=253)
    kind = models.IntegerField(choices=DomainKind.choices, default=DomainKind.PERSONAL)
    custom_404 = models.CharField(max_length=MAX_URL, blank=True)
    custom_homepage = models.CharField(max_length=MAX_URL, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    deleted = models.DateTimeField(null=True, blank=True)
    checked = models.DateTimeField(null=True, blank=True)
    check_result = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(account=None, kind__in=INSTALLATION_KINDS)
                | models.Q(account__isnull=False, kind__in=ACCOUNT_KINDS),
                name="link_domain_kind_says_who_owns_it",
            ),
            models.UniqueConstraint(fields=["account", "name"], name="one_link_domain_per_account"),
            models.UniqueConstraint(fields=["name"], condition=models.Q(account=None), name="one_own_link_domain"),
        ]
        indexes = [models.Index(fields=["name"], name="link_domain_by_name")]

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


class Script(VersionedModel):
    """A retargeting snippet that runs on an interstitial page before the redirect."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="link_scripts")
    name = models.CharField(max_length=200)
    script = models.TextField(max_length=20_000)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=~models.Q(script=""), name="script_is_not_empty")]

    def __str__(self) -> str:
        return self.name


class ListKind(models.TextChoices):
    """The account's two lists."""

    BLACKLIST = "blacklist", "Addresses that are not tracked"
    WHITELIST = "whitelist", "Hosts a dynamic address may lead to"


class ListEntry(VersionedModel):
    """An entry of one of the account's two lists."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="link_entries")
    listing = models.CharField(max_length=10, choices=ListKind.choices)
    value = models.CharField(max_length=253)
    code = CodeField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            *build_choice_checks("entry", listing=ListKind),
            models.UniqueConstraint(fields=["account", "listing", "value"], name="one_entry_per_list"),
        ]

    def __str__(self) -> str:
        return self.value


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


class RedirectType(models.IntegerChoices):
    """The status of the redirect."""

    PERMANENT = 301, "301 permanent"
    TEMPORARY = 307, "307 temporary"


class ReferrerClean(models.IntegerChoices):
    """What a destination sees as the referrer."""

    NONE = 0, "Keep it"
    CLEAN = 1, "Send none"
    MYSELF = 2, "Send the link itself"


class Datapoint(VersionedModel):
    """A tracked link or pixel. `alias` is unique on its domain forever, ignoring case; `rules` holds what the mode
    needs, in the shape that `links.routing.rules` describes."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="datapoints")
    group = models.ForeignKey(Group, models.CASCADE, related_name="datapoints")
    kind = models.IntegerField(choices=DatapointKind.choices, default=DatapointKind.LINK)
    status = models.IntegerField(choices=Status.choices, default=Status.ACTIVE)
    domain = models.ForeignKey(Domain, models.PROTECT, related_name="datapoints")
    alias = models.CharField(max_length=100)
    alias_key = models.GeneratedField(
        expression=Lower("alias"), output_field=models.CharField(max_length=100), db_persist=True
    )
    title = models.CharField(max_length=200, blank=True)
    notes = models.TextField(blank=True)
    favourite = models.BooleanField(default=False)
    tags = models.ManyToManyField(Tag, blank=True, related_name="datapoints")
    conversions = models.ManyToManyField(Conversion, through="LinkConversion", related_name="datapoints")
    scripts = models.ManyToManyField(Script, blank=True, related_name="datapoints")

    url = models.CharField(max_length=MAX_URL, blank=True)
    first_url = models.CharField(max_length=MAX_URL, blank=True)
    mode = models.IntegerField(choices=Mode.choices, default=Mode.SIMPLE)
    rules = models.JSONField(default=dict, blank=True)
    redirect_type = models.IntegerField(choices=RedirectType.choices, default=RedirectType.PERMANENT)
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
    url_after_date = models.CharField(max_length=MAX_URL, blank=True)
    pause_after_date = models.BooleanField(default=False)
    expiration_clicks = models.BigIntegerField(default=0)
    url_after_clicks = models.CharField(max_length=MAX_URL, blank=True)
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
        constraints = [
            models.UniqueConstraint(fields=["domain", "alias_key"], name="one_alias_per_domain_for_ever"),
            *build_choice_checks(
                "link",
                kind=DatapointKind,
                status=Status,
                mode=Mode,
                redirect_type=RedirectType,
                referrer_clean=ReferrerClean,
            ),
            models.CheckConstraint(condition=Q(kind=DatapointKind.PIXEL) | ~Q(url=""), name="link_has_a_destination"),
            models.CheckConstraint(condition=Q(expiration_clicks__gte=0), name="link_expiration_clicks_not_negative"),
            models.CheckConstraint(condition=Q(cost__gte=0), name="link_cost_not_negative"),
        ]
        indexes = [
            models.Index(fields=["account", "status"], name="link_of_account_by_status"),
            models.Index(F("account"), F("created").desc(), F("id").desc(), name="link_of_account_newest_first"),
            models.Index(fields=["expiration_date"], condition=Q(pause_after_date=True), name="link_to_pause_by_date"),
        ]

    def __str__(self) -> str:
        return self.title or self.alias


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkColumns:
    """The columns of a link that redirects need, by their names in Datapoint. The link cache has them in memory."""

    account_id: int
    group_id: int
    domain_id: int
    kind: int
    status: int
    alias: str
    url: str
    first_url: str
    mode: int
    redirect_type: int
    append_query: bool
    encode_url: bool
    hide_url: bool
    hide_url_title: str
    referrer_clean: int
    password: str
    starts: datetime | None
    expiration_date: datetime | None
    url_after_date: str
    pause_after_date: bool
    expiration_clicks: int
    url_after_clicks: str
    pause_after_clicks: bool
    encode_ip: bool
    light_tracking: bool
    redirect_only: bool
    cost: float


# A link with a value in none of these always redirects to its URL
ROUTING_COLUMNS = (
    "rules", "mode", "status", "first_url", "append_query", "hide_url", "password", "starts", "expiration_date",
    "expiration_clicks", "referrer_clean",
)  # fmt: skip


class Destination(models.Model):
    """A watched destination of a link and the result of its last check.

    A worker claims a check by moving `next_due`. `dead_since` is the first of at least two failures in a row.
    """

    datapoint = models.ForeignKey(Datapoint, models.CASCADE, related_name="watched_destinations")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the address")
    url = models.CharField(max_length=MAX_URL)
    next_due = models.DateTimeField(db_index=True)
    checked = models.DateTimeField(null=True, blank=True)
    first_failure = models.DateTimeField(null=True, blank=True)
    dead_since = models.DateTimeField(null=True, blank=True)
    cause = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["datapoint", "digest"], name="a_destination_once_per_link")]

    def __str__(self) -> str:
        return self.url
