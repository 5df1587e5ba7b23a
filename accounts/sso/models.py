"""The OpenID provider of an account, its e-mail domains, and when people last logged in through it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Account, Role, User
from accounts.models.addresses import AddressField
from accounts.security.encrypted_fields import EncryptedCharField

RECORD_LABEL = "_analytics-sso"
NEW_MEMBER_ROLES = (Role.ADMIN, Role.EDITOR, Role.VIEWER)
ROLE_CHOICES = [(role.value, role.label) for role in NEW_MEMBER_ROLES]
SLUG_PREFIX = "account-"


class SsoConnection(models.Model):
    """The OpenID provider through which people of an account's e-mail domains log in.

    `enforced`: they log in through it only, but for `way_back`, the emergency owner, who can also log in by
    password and second factor, for the day on which the provider fails.
    """

    account = models.OneToOneField(Account, models.CASCADE, related_name="sso")
    issuer = models.CharField(max_length=300, help_text="The provider's address, without /.well-known/…")
    client_id = models.CharField(max_length=191)
    client_secret = EncryptedCharField(max_length=500, blank=True)
    default_role = models.CharField(max_length=10, choices=ROLE_CHOICES, default=Role.VIEWER)
    enforced = models.BooleanField(default=False)
    way_back = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(default_role__in=[role.value for role in NEW_MEMBER_ROLES]), name="sso_role_is_known"
            )
        ]

    def __str__(self) -> str:
        return self.issuer

    @property
    def slug(self) -> str:
        """The connection's name in addresses, and in the identities of people who used it."""
        return build_slug(self.account_id)


def build_slug(account_id: int) -> str:
    """Build the slug of an account's connection, which is known before the connection is stored."""
    return f"{SLUG_PREFIX}{account_id}"


def build_redirect_uri(account_id: int) -> str:
    """Build the address to which the account's provider sends people back, always on the host of BASE_URL."""
    return f"{settings.BASE_URL}/login/sso/{build_slug(account_id)}/callback"


class SsoDomain(models.Model):
    """An e-mail domain of a connection. It has no effect until a TXT record has verified that it is the account's.

    `failing_since` is the first of the latest checks in a row that did not find the record of a verified domain.
    """

    connection = models.ForeignKey(SsoConnection, models.CASCADE, related_name="domains")
    domain = models.CharField(max_length=253)
    created = models.DateTimeField(auto_now_add=True)
    verified = models.DateTimeField(null=True, blank=True)
    checked = models.DateTimeField(null=True, blank=True)
    check_result = models.CharField(max_length=300, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "domain"], name="one_row_per_sso_domain"),
            models.UniqueConstraint(
                fields=["domain"], condition=Q(verified__isnull=False), name="one_account_per_verified_sso_domain"
            ),
        ]

    def __str__(self) -> str:
        return self.domain

    @property
    def record_name(self) -> str:
        """The name of the TXT record that verifies the domain.

        It is not that of a host claim: whoever lets an agency measure a website has not let it log in their people.
        """
        return f"{RECORD_LABEL}.{self.domain}"

    @property
    def record_value(self) -> str:
        """The text that the TXT record must contain."""
        return f"account={self.connection.account_id}"


class SsoLogin(models.Model):
    """When a user last logged in through a connection."""

    connection = models.ForeignKey(SsoConnection, models.CASCADE, related_name="logins")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "user"], name="one_row_per_sso_user")]

    def __str__(self) -> str:
        return f"{self.user} through {self.connection}"


class SsoFormerMember(models.Model):
    """Somebody who left the account, by an address that the provider may name again; an invitation ends the row.

    `role` is what they were when they left of their own accord; empty: somebody else removed them.
    """

    connection = models.ForeignKey(SsoConnection, models.CASCADE, related_name="former_members")
    email = AddressField()
    role = models.CharField(max_length=10, choices=Role.choices, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "email"], name="one_row_per_former_sso_member"),
            models.CheckConstraint(condition=Q(role__in=["", *Role.values]), name="former_sso_role_is_known"),
        ]

    def __str__(self) -> str:
        return self.email
