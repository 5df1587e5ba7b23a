"""The end of sign-ups whose address was never verified: their person cannot log in, and whoever owns the address has
not asked for it. While they exist, nobody else can sign up with that address or be sure who chose its password.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import ManyToOneRel, QuerySet

from accounts.audit.models import AuditEntry
from accounts.audit.recording import record_action
from accounts.models import Account, Membership, User
from accounts.run_each import run_each
from accounts.services.users import user_ways_in_end

UNVERIFIED_DAYS = 7
NO_CONTENT = (Membership, AuditEntry)  # what a new account has


def select_unverified_sign_ups(now: datetime) -> QuerySet[User]:
    """Select those who signed up UNVERIFIED_DAYS ago or earlier, and verified no address."""
    verified = EmailAddress.objects.filter(verified=True).values("user_id")
    unverified = EmailAddress.objects.filter(verified=False).values("user_id")
    old = User.objects.filter(created__lte=now - timedelta(days=UNVERIFIED_DAYS), last_login=None, is_operator=False)
    return old.filter(pk__in=unverified).exclude(pk__in=verified)


def sign_ups_expire(*, now: datetime) -> int:
    """Delete the sign-ups that were never verified, with their accounts; returns how many."""
    ids = list(select_unverified_sign_ups(now).values_list("pk", flat=True))
    return sum(run_each(ids, lambda number: sign_up_expire(user_id=number, now=now), what="End of the sign-up of user"))


@transaction.atomic
def sign_up_expire(*, user_id: int, now: datetime) -> bool:
    """Delete one of them, unless they have verified their address just now or something is in their account.

    Somebody who was invited elsewhere meanwhile stays as a placeholder: the invitation is not taken back, and its link
    lets them choose a password of their own.
    """
    user = select_unverified_sign_ups(now).select_for_update().filter(pk=user_id).first()
    if user is None:
        return False
    own = Account.objects.filter(memberships__user=user, memberships__role="owner")
    empty = [account for account in own if is_empty(account, user)]
    if len(empty) < len(own):
        return False
    for account in empty:
        record_action("account.deleted", account, accounts=[None])
        account.delete()
    record_action("user.deleted", user, accounts=[None])
    if user.memberships.exists():
        EmailAddress.objects.filter(user=user).delete()
        user_ways_in_end(user=user)
        user.name = ""
        user.save(update_fields=["name"])
    else:
        user.delete()
    return True


def is_empty(account: Account, owner: User) -> bool:
    """Whether nobody but the owner is in the account, and nothing belongs to it."""
    relations = [one for one in account._meta.get_fields(include_hidden=True) if isinstance(one, ManyToOneRel)]
    contents = [one.field for one in relations if one.field.model not in NO_CONTENT]
    has_content = any(field.model._base_manager.filter(**{field.name: account}).exists() for field in contents)
    return not has_content and not account.memberships.exclude(user=owner).exists()
