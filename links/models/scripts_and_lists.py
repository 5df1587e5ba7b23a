"""What an account sets for all its links: retargeting scripts and two lists."""

from __future__ import annotations

from django.db import models

from accounts.models import Account
from links.models.fields import CodeField, build_choice_checks
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
