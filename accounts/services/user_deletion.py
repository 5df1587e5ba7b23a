"""The end of a user: their own decision, which nobody else can take for them."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit.context import build_user_actor, describe_user
from accounts.audit.recording import record_action
from accounts.models import Account, Membership, Role, User
from accounts.services.accounts import account_lock
from accounts.services.members import is_emergency_owner, member_remove
from accounts.services.sessions import sessions_end
from accounts.services.users import placeholder_user_get_or_create


def list_accounts_without_other_owner(user: User) -> list[Account]:
    """List the accounts, by name, that would have no owner without the user."""
    owners = Membership.objects.accepted().filter(role=Role.OWNER)
    owned = owners.filter(user=user).select_related("account").order_by("account__name", "pk")
    shared = set(owners.exclude(user=user).values_list("account_id", flat=True))
    return [membership.account for membership in owned if membership.account_id not in shared]


def check_deletable(user: User) -> None:
    """Raise ValidationError if the user must not go yet: an account, or the installation, would have nobody left, or
    nobody who can log in when the provider fails."""
    memberships = user.memberships.accepted().select_related("account").order_by("account__name", "pk")
    depending = [membership.account for membership in memberships if is_emergency_owner(membership)]
    if depending:
        names = ", ".join(str(account) for account in depending)
        raise ValidationError(
            f"You are the emergency owner of single sign-on in {names}. Choose another one first, under Settings → "
            "Single sign-on."
        )
    accounts = list_accounts_without_other_owner(user)
    if accounts:
        names = ", ".join(str(account) for account in accounts)
        raise ValidationError(
            f"You are the only owner of {names}. Make somebody else an owner first, or ask whoever runs this "
            "installation to delete the account."
        )
    if user.is_operator and not User.objects.filter(is_operator=True, is_active=True).exclude(pk=user.pk).exists():
        raise ValidationError("You are the only operator of this installation. Create another one first.")


@transaction.atomic
def user_delete(*, user: User) -> None:
    """Delete a user with their memberships, tokens, sessions and passkeys. Raises ValidationError, see check_deletable.

    The audit log keeps their name and address as they were. Guests whom accounts added with a key and who have not
    joined are theirs: they stay, for a person of the same address.
    """
    memberships = list(user.memberships.accepted().select_related("account", "user").order_by("account_id"))
    for membership in memberships:
        account_lock(membership.account)
    check_deletable(user)
    actor = build_user_actor(user)
    record_action("user.deleted", user, label=describe_user(user), actor=actor)
    for membership in memberships:
        member_remove(membership=membership, by=membership)
    sessions_end(user=user)
    _keep_pending_guests(user)
    user.delete()


def _keep_pending_guests(user: User) -> None:
    """Move the pending guests of accounts to a placeholder of the same address."""
    guests = list(user.memberships.pending().values_list("pk", flat=True))
    if not guests:
        return
    email = user.email
    User.objects.filter(pk=user.pk).update(email=f"deleted-{user.pk}@users.invalid")
    placeholder = placeholder_user_get_or_create(email=email)
    Membership.objects.filter(pk__in=guests).update(user=placeholder)
