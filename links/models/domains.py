"""Link domains: the host names whose paths are aliases."""

from __future__ import annotations

from django.db import models

from accounts.models import Account
from links.models.fields import MAX_URL
from sites.models import VersionedModel


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
