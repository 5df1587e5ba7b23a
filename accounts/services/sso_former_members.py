"""Who left an account with single sign-on: the provider would make them a member again at their next log-in.

Without this, a guest could delete themselves, log in at the provider, and be what new members are.
"""

from __future__ import annotations

from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from accounts.models import Account, Membership, Role, User
from accounts.sso.models import SsoConnection, SsoFormerMember
from accounts.validators import MAX_ADDRESS_LENGTH, normalize_address

REMOVED = "This person was removed from the account, and becomes a member again by an invitation only."


@transaction.atomic
def former_member_remember(*, membership: Membership, by: Membership, now: datetime) -> None:
    """Remember a member who leaves, or is removed by somebody else (`by`); does nothing without single sign-on."""
    connection = SsoConnection.objects.filter(account=membership.account).first()
    if connection is None or membership.accepted is None:
        return
    role = membership.role if by.pk == membership.pk else ""
    for email in list_addresses(connection, membership.user):
        SsoFormerMember.objects.update_or_create(connection=connection, email=email, defaults={"role": role, "at": now})


def list_addresses(connection: SsoConnection, user: User) -> list[str]:
    """List the person's address, and those by which the provider has named them: people can change their address here,
    so that it alone does not say who they are."""
    emails = {user.email}
    for identity in SocialAccount.objects.filter(provider=connection.slug, user=user):
        for claims in (identity.extra_data.get("userinfo"), identity.extra_data.get("id_token")):
            email = claims.get("email") if isinstance(claims, dict) else None
            emails |= {normalize_address(email)[:MAX_ADDRESS_LENGTH]} if isinstance(email, str) else set()
    return sorted(emails)


def former_member_forget(*, account: Account, user: User) -> None:
    """Forget that somebody left, by whichever address: they were invited."""
    connection = SsoConnection.objects.filter(account=account).first()
    if connection is not None:
        connection.former_members.filter(email__in=list_addresses(connection, user)).delete()


def find_role_to_join(connection: SsoConnection, user: User) -> str | None:
    """Find the role that somebody who comes through the provider joins with: that of new members; for who left, their
    own if it was a lower one; None for who was removed, and needs an invitation.

    Of several addresses by which they are known the strictest counts.
    """
    former = connection.former_members.filter(email__in=list_addresses(connection, user))
    roles = [connection.default_role, *former.values_list("role", flat=True)]
    return None if "" in roles else max(roles, key=Role.values.index)
