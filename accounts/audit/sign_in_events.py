"""Log-ins, failed log-ins and log-outs, second factors and addresses, by the signals of Django and django-allauth.

A log-in opens every account that the person is in, so each of them has it in its log. Of failed ones, which
strangers can repeat, the first few in an hour are recorded one by one, later ones only by their number.
"""

from __future__ import annotations

from collections.abc import Mapping

from allauth.account.models import EmailAddress
from allauth.account.signals import email_changed
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.utils.crypto import salted_hmac

from accounts.audit.context import AuditActor, build_user_actor, current_context
from accounts.audit.models import ActorType
from accounts.audit.recording import record_event
from accounts.audit.repetition import record_repeatable
from accounts.models import User
from accounts.security.client_ip import get_rate_limit_key
from accounts.security.rate_limits import AUDIT_CACHE_NAME, RateLimit

WRONG_PASSWORDS = RateLimit("audit-password", 5, 3600, AUDIT_CACHE_NAME)  # of one person and group of networks
WRONG_FACTORS = RateLimit("audit-factor", 5, 3600, AUDIT_CACHE_NAME)  # of one person and group of networks
NETWORK_GROUPS = 16  # so many networks together leave a bounded number of entries
UNKNOWN_PEOPLE = RateLimit("audit-unknown", 20, 3600, AUDIT_CACHE_NAME)  # all together, in the installation's log


@receiver(user_logged_in, dispatch_uid="audit")
def record_log_in(sender: object, user: User, **_: object) -> None:
    """Record a log-in."""
    record_event("session.started", user, actor=build_user_actor(user))


@receiver(user_logged_out, dispatch_uid="audit")
def record_log_out(sender: object, user: User | None, **_: object) -> None:
    """Record a log-out; a session without a user has none."""
    if user is not None:
        record_event("session.ended", user, actor=build_user_actor(user))


def name_counter(user: User) -> str:
    """Name what failures of a person are counted by: with the network that they come from, so that a few from one do
    not hide where others come from. Networks are in groups that nobody outside can compute."""
    network = get_rate_limit_key(current_context.get()().address)
    group = int(salted_hmac("accounts.audit.sign_in_events", network).hexdigest(), 16) % NETWORK_GROUPS
    return f"{user.pk} {group}"


@receiver(user_login_failed, dispatch_uid="audit")
def record_failed_log_in(sender: object, credentials: Mapping[str, object], **_: object) -> None:
    """Record a failed log-in: for the person with that address, else for the installation."""
    email = str(credentials.get("username") or credentials.get("email") or "").strip().lower()[:254]
    user = User.objects.filter(email=email).first() if email else None
    record_repeatable(
        "session.refused",
        user,
        limit=WRONG_PASSWORDS if user else UNKNOWN_PEOPLE,
        counted=name_counter(user) if user else "",
        changes={"email": (None, email)},
        label=email,
        actor=AuditActor(ActorType.ANONYMOUS, "Nobody logged in"),
    )


@receiver(authentication_failed, dispatch_uid="audit")
def record_failed_factor(sender: object, user: User, authenticator: Authenticator, **_: object) -> None:
    """Record a wrong code of somebody who knew the password, or who is logged in and confirms a change."""
    record_repeatable(
        "session.refused",
        user,
        limit=WRONG_FACTORS,
        counted=name_counter(user),
        changes={"email": (None, user.email), "kind": (None, authenticator.type)},
    )


@receiver(authenticator_added, dispatch_uid="audit")
def record_new_factor(sender: object, user: User, authenticator: Authenticator, **_: object) -> None:
    """Record a new passkey, authenticator app or set of recovery codes."""
    record_event("second_factor.added", user, changes={"kind": (None, authenticator.type)})


@receiver(authenticator_removed, dispatch_uid="audit")
def record_removed_factor(sender: object, user: User, authenticator: Authenticator, **_: object) -> None:
    """Record the end of a second factor."""
    record_event("second_factor.removed", user, changes={"kind": (authenticator.type, None)})


@receiver(authenticator_reset, dispatch_uid="audit")
def record_replaced_factor(sender: object, user: User, authenticator: Authenticator, **_: object) -> None:
    """Record new recovery codes in the place of the old ones."""
    record_event("second_factor.replaced", user, changes={"kind": (None, authenticator.type)})


@receiver(email_changed, dispatch_uid="audit")
def record_new_address(
    sender: object, user: User, from_email_address: EmailAddress | None, to_email_address: EmailAddress, **_: object
) -> None:
    """Record another address of a user."""
    old = from_email_address.email if from_email_address else None
    record_event("user.changed", user, changes={"email": (old, to_email_address.email)})
