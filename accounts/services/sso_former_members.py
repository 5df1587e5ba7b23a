"""Who left an account with single sign-on: the provider would make them a member again at their next log-in.

Without this, a guest could delete themselves, log in at the provider, and be what new members are.
"""

from __future__ import annotations

from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from accounts.models import Account, Membership, Role
from accounts.sso.models import SsoConnection, SsoFormerMember

REMOVED = "This person was removed from the account, and becomes a member again by an invitation only."


@transaction.atomic
def former_member_remember(*, membership: Membership, by: Membership, now: datetime) -> None:
    """Remember a member who leaves, or is removed by somebody else (`by`); does nothing without single sign-on."""
    connection = SsoConnection.objects.filter(account=membership.account).first()
    if connection is None or membership.accepted is None:
        return
    role = membership.role if by.pk == membership.pk else ""
    for email in list_addresses(connection, membership):
        SsoFormerMember.objects.update_or_create(connection=connection, email=email, defaults={"role": role, "at": now})


def list_addresses(connection: SsoConnection, membership: Membership) -> list[str]:
    """List the person's address, and those by which the provider has named them."""
    emails = {membership.user.email}
    for identity in SocialAccount.objects.filter(provider=connection.slug, user=membership.user):
        for claims in (identity.extra_data.get("userinfo"), identity.extra_data.get("id_token")):
            email = claims.get("email") if isinstance(claims, dict) else None
            emails |= {email.lower()[:254]} if isinstance(email, str) else set()
    return sorted(emails)


def former_member_forget(*, account: Account, email: str) -> None:
    """Forget that somebody left: they were invited."""
    SsoFormerMember.objects.filter(connection__account=account, email=email).delete()


def find_role_to_join(connection: SsoConnection, email: str) -> str | None:
    """Find the role that somebody who comes through the provider joins with: that of new members; for who left, their
    own if it was a lower one; None for who was removed, and needs an invitation."""
    former = SsoFormerMember.objects.filter(connection=connection, email=email).first()
    if former is None:
        return connection.default_role
    return max(former.role, connection.default_role, key=Role.values.index) if former.role else None
