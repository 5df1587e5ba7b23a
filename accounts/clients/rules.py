"""Who reaches the accounts of clients through the agency: its owners and administrators, each in the role that they
have there. These memberships are not stored, so they begin and end with the role in the agency.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.clients.models import ClientAccount
from accounts.models import Account, Membership, Role, User

AGENCY_ROLES = (Role.OWNER, Role.ADMIN)
HAS_CLIENTS = "has_clients"  # attribute of memberships that were marked


def mark_agencies(memberships: QuerySet[Membership]) -> QuerySet[Membership]:
    """Annotate whether the account of each membership has clients, so that nobody else's cost a query."""
    clients = ClientAccount.objects.filter(agency=OuterRef("account"))
    return memberships.annotate(**{HAS_CLIENTS: Exists(clients)})


def build_client_membership(agency_member: Membership, user: User, account: Account) -> Membership:
    """Build the membership of a member of the agency in a client's account. It is not stored: `pk` is None."""
    return Membership(user=user, account=account, role=agency_member.role, accepted=agency_member.accepted)


def find_stored_membership(membership: Membership) -> Membership | None:
    """Find the stored membership by which a person is what `membership` says: itself, or in a client's account that in
    the agency. None for the account's key, and if the role in the agency has ended."""
    if membership.pk is not None:
        return membership
    rows = Membership.objects.accepted().filter(
        user=membership.user_id, role__in=AGENCY_ROLES, account__clients__account=membership.account_id
    )
    return rows.select_related("user", "account").first()


def list_client_memberships(
    user: User, memberships: Iterable[Membership], accounts: Collection[int] | None = None
) -> list[Membership]:
    """List what the user is in accounts of clients by these memberships, which were marked (`mark_agencies`); if
    `accounts` are given only in these, and in those of the memberships themselves, which may permit less.

    Accounts that are suspended are left out.
    """
    own = list(memberships)
    agencies = {row.account_id: row for row in own if row.role in AGENCY_ROLES and getattr(row, HAS_CLIENTS, False)}
    if not agencies:
        return []
    rows = ClientAccount.objects.filter(agency__in=agencies, account__suspended=None).select_related("account")
    if accounts is not None:
        rows = rows.filter(account__in={*accounts, *(row.account_id for row in own)})
    return [
        build_client_membership(agencies[row.agency_id], user, row.account)
        for row in rows.order_by("account__name", "pk")
    ]


def list_memberships_at_clients(membership: Membership) -> list[Membership]:
    """List what a stored membership makes its person at the clients of its account, suspended ones too."""
    if membership.role not in AGENCY_ROLES:
        return []
    rows = ClientAccount.objects.filter(agency=membership.account_id).select_related("account").order_by("pk")
    return [build_client_membership(membership, membership.user, row.account) for row in rows]


def find_membership_at_client(membership: Membership, account: Account) -> Membership | None:
    """Find what a stored membership makes its person in this account; None if it is no client, or they may not."""
    rows = ClientAccount.objects.filter(account=account, agency=membership.account_id, agency__suspended=None)
    if membership.role not in AGENCY_ROLES or not rows.exists():
        return None
    return build_client_membership(membership, membership.user, account)


def reaches_through_agency(account: Account) -> Q:
    """Build the condition on memberships by which their people reach a client's account: those in its agency."""
    agencies = ClientAccount.objects.filter(account=account).values("agency")
    return Q(account__in=agencies, account__suspended=None, role__in=AGENCY_ROLES)


def join_memberships(own: Iterable[Membership], through_agency: Iterable[Membership]) -> list[Membership]:
    """Join a user's own memberships with those through agencies, one for each account: the own one, unless it permits
    less."""
    reached = {row.account_id: row for row in through_agency}
    kept = [row for row in own if row.account_id not in reached or row.role in AGENCY_ROLES]
    known = {row.account_id for row in kept}
    return [*kept, *(row for account_id, row in reached.items() if account_id not in known)]


def load_agency_pairs(pairs: Collection[tuple[int, int]]) -> list[tuple[Membership, Membership]]:
    """Load, for (user id, account id) pairs, the membership in the agency and the one in the client's account that
    follows from it. Pairs of people who reach nothing so have none."""
    clients: dict[int, list[ClientAccount]] = {}
    accounts, users = {account for _, account in pairs}, {user for user, _ in pairs}
    rows = ClientAccount.objects.filter(account__in=accounts, account__suspended=None, agency__suspended=None)
    for row in rows.select_related("account"):
        clients.setdefault(row.agency_id, []).append(row)
    if not clients:
        return []
    members = Membership.objects.accepted().filter(
        account__in=clients, user__in=users, user__is_active=True, role__in=AGENCY_ROLES
    )
    return [
        (member, build_client_membership(member, member.user, row.account))
        for member in members.select_related("user", "account")
        for row in clients[member.account_id]
        if (member.user_id, row.account_id) in pairs
    ]
