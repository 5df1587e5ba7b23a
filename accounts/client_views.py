"""Seeing the pages as a client: somebody of the agency sees what a member of the client's account would, in the
client's brand, and changes nothing.

The session stays theirs and names the member. `config.actor_middleware` gives `request.user` the member's rights for
each request, refuses what writes, and refuses what shows secrets (`accounts.impersonation`).
"""

from __future__ import annotations

from django.http import HttpRequest

from accounts.audit.recording import record_event
from accounts.clients.models import ClientAccount
from accounts.models import Membership, Role, User
from accounts.permissions import find_client_membership

SESSION_KEY = "client_view"
READ_ONLY = (
    "You see this account as a client: nothing is changed, and keys and personal data stay hidden. End the view first."
)
OVER = "The view as a client is over, so nothing was changed."
PLAIN_VIEWER = "somebody who may see everything"


def start_client_view(*, request: HttpRequest, client: ClientAccount, member: Membership | None) -> None:
    """Let the user see the pages as a member of the client's account, or as a viewer of it; recorded in both logs."""
    request.session[SESSION_KEY] = {"client": client.pk, "member": member.pk if member else None}
    changes = {"as": (None, member.user.email if member else PLAIN_VIEWER)}
    record_event("client.viewed", client, changes=changes, accounts=[client.agency_id, client.account_id])


def end_client_view(request: HttpRequest) -> None:
    """End it."""
    request.session.pop(SESSION_KEY, None)


def find_seen_membership(request: HttpRequest, user: User) -> Membership | None:
    """Find the membership by whose rights the user sees the pages in this session. None if there is none, if it is
    gone, or if the user does not reach the client any more."""
    chosen = request.session.get(SESSION_KEY) or {}
    rows = ClientAccount.objects.filter(pk=chosen.get("client"), account__suspended=None)
    client = rows.select_related("account").first()
    if client is None or find_client_membership(user, client.account) is None:
        return None
    if chosen["member"] is None:
        return Membership(user=user, account=client.account, role=Role.VIEWER)
    member: Membership | None = client.account.memberships.filter(pk=chosen["member"]).select_related("account").first()
    return member
