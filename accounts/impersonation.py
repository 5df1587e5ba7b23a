"""Operators who act as a member of an account: for an hour, in that account only, and recorded in its audit log.

The session stays the operator's and names the member; `config.actor_middleware` makes them `request.user` of each
request. What would show or change secrets is refused (`accounts.impersonation.is_refused`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.urls import ResolverMatch

from accounts.audit.context import AuditActor, describe_user
from accounts.audit.models import ActorType
from accounts.audit.recording import record_action
from accounts.models import Account, Membership, User
from accounts.permissions import IMPERSONATED_ACCOUNT, has_second_factor

SESSION_KEY = "impersonation"
DURATION = timedelta(hours=1)
MAX_REASON_LENGTH = 200
REFUSED_MESSAGE = (
    "Not possible while you act for somebody else: this shows or changes keys, passwords or personal data, switches "
    "the account, gives access to people or programs, or deletes a site."
)
# Pages that show or change keys, passwords and personal data, delete a site, concern the person's other accounts, or
# would give access that outlasts the hour, as would live views; of some only what they write
REFUSED_PAGES = frozenset({
    "accounts:account-key", "accounts:own-key", "accounts:tokens", "accounts:tokens-review", "accounts:token-revoke",
    "accounts:account-second-factor", "accounts:exposed-key-replace",
    "accounts:account-switch", "sites:keys-show", "sites:keys-rotate", "sites:api-key-revoke", "sites:delete",
    "accounts:join", "alerts:channel-secret", "digests:list", "digests:delete", "dashboard:spy-stream", "links:stream",
    "links:guest-key", "tracking:personal-data", "accounts:sso", "accounts:sso-remove", "accounts:sso-test",
    "accounts:sso-enforce", "accounts:sso-domains", "accounts:sso-domain-check", "accounts:sso-domain-remove",
    "agency:clients", "agency:client-new", "agency:sites-new", "agency:client", "agency:client-open",
    "agency:client-release", "agency:site-move", "agency:access",
    "agency:client-view", "agency:templates", "agency:template", "agency:template-delete",
    "accounts:exports", "accounts:export-delete", "accounts:export-file", "onsite:window", "onsite:grant",
})  # fmt: skip
REFUSED_WRITES = frozenset({
    "accounts:me", "accounts:notice-choices", "accounts:team", "accounts:member", "accounts:member-remove",
    "accounts:member-invite", "accounts:invitation-resend", "accounts:invitation-link", "accounts:invitation-revoke",
    "accounts:account-brand",
    "sites:api-keys", "sites:team", "sites:unshare", "sharing:settings", "alerts:channel-new", "alerts:channel-edit",
    "links:guests",
})  # fmt: skip
REFUSED_MODULES = ("allauth.", "accounts.sign_in.")
REFUSED_ROUTE_PREFIX = "api/v1/"  # the management API, whose answers have keys
SAFE_METHODS = ("GET", "HEAD")


@transaction.atomic
def impersonation_start(
    *, request: HttpRequest, operator: User, account: Account, reason: str, now: datetime
) -> Membership:
    """Let the operator act as the account's first owner. Raises ValidationError without a reason or an owner."""
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= MAX_REASON_LENGTH:
        raise ValidationError({"reason": f"Say why, in 1 to {MAX_REASON_LENGTH} characters; the account can read it."})
    owners = Membership.objects.accepted().filter(account=account, role="owner", user__is_active=True)
    membership = owners.select_related("user").order_by("pk").first()
    if membership is None or account.suspended is not None:
        raise ValidationError({"reason": "Nobody can act in this account: it is suspended, or has no owner."})
    if account.second_factor_required and not has_second_factor(operator):
        raise ValidationError({"reason": "This account requires a second factor. Set up one of your own first."})
    until = now + DURATION
    request.session[SESSION_KEY] = {"membership": membership.pk, "until": until.isoformat()}
    changes = {"reason": (None, reason), "person": (None, str(membership.user)), "until": (None, until)}
    actor = AuditActor(ActorType.OPERATOR, describe_user(operator), operator.pk)
    record_action("account.impersonated", account, changes=changes, accounts=[account.pk, None], actor=actor)
    return membership


@transaction.atomic
def impersonation_end(*, request: HttpRequest, operator: User, account: Account) -> None:
    """End it."""
    request.session.pop(SESSION_KEY, None)
    actor = AuditActor(ActorType.OPERATOR, describe_user(operator), operator.pk)
    record_action("account.impersonation_ended", account, accounts=[account.pk, None], actor=actor)


def find_impersonated(request: HttpRequest, operator: User, now: datetime) -> Membership | None:
    """Find the membership as which the operator acts in this session; None if none, or if the time is over."""
    chosen = request.session.get(SESSION_KEY)
    if not chosen or not operator.is_operator or not operator.is_active:
        return None
    if datetime.fromisoformat(chosen["until"]) <= now:
        return None
    rows = Membership.objects.accepted().filter(pk=chosen["membership"], user__is_active=True, account__suspended=None)
    membership = rows.select_related("user", "account").first()
    if membership is not None:
        setattr(membership.user, IMPERSONATED_ACCOUNT, membership.account_id)
        membership.user.is_operator = False  # of this request: the operator's pages are not the member's
    return membership


def is_refused(match: ResolverMatch, method: str | None) -> bool:
    """Whether a page is refused to somebody who acts for another person."""
    module = getattr(match.func, "__module__", "")
    is_write = method not in SAFE_METHODS
    return (
        match.view_name in REFUSED_PAGES
        or (is_write and match.view_name in REFUSED_WRITES)
        or module.startswith(REFUSED_MODULES)
        or match.route.startswith(REFUSED_ROUTE_PREFIX)
    )
