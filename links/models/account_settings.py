"""What an account sets for all its links: domains, whose paths are aliases, retargeting scripts and two lists."""

from __future__ import annotations

from django.db import models

from accounts.models import Account
from links.models.fields import MAX_URL, CodeField, build_choice_checks
from sites.models import VersionedModel

MAX_LIST_ENTRIES = 50


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


class Listing(models.TextChoices):
    """The account's two lists."""

    BLACKLIST = "blacklist", "Addresses that are not tracked"
    WHITELIST = "whitelist", "Hosts a dynamic address may lead to"


class Entry(VersionedModel):
    """An entry of one of the account's two lists."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="link_entries")
    listing = models.CharField(max_length=10, choices=Listing.choices)
    value = models.CharField(max_length=253)
    code = CodeField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            *build_choice_checks("entry", listing=Listing),
            models.UniqueConstraint(fields=["account", "listing", "value"], name="one_entry_per_list"),
        ]

    def __str__(self) -> str:
        return self.value


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
