"""Who may open which site: people across, the sites of the agency and its clients down, a right in each cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.http import QueryDict

from accounts.clients.models import ClientAccount
from accounts.models import Account, Grant, Membership, Right, Role, User
from accounts.services import grant_set
from reports.agency.home import HomeQuery, find_rows
from sites.models import Site
from sites.selectors import KIND

RIGHTS: dict[str, str | None] = {"none": None, "read": Right.READ, "write": Right.WRITE}
MAX_SITES_SHOWN, MAX_PEOPLE_SHOWN = 50, 40


@dataclass(frozen=True)
class AccessCell:
    """What a person may do with a site: by their role (`role`, all of the account), or as a guest, whose right a form
    changes by `field`. Without either they are no member of the site's account."""

    role: str = ""
    field: str = ""
    right: str = ""


@dataclass(frozen=True, kw_only=True)
class AccessTable:
    """The table. `more_sites`, `more_people`: there are others than those that are displayed."""

    people: list[User]
    rows: list[tuple[Site, ClientAccount | None, list[AccessCell]]]
    more_sites: bool
    more_people: bool

    @property
    def has_guests(self) -> bool:
        """Whether there is anything to change."""
        return any(cell.field for _, _, cells in self.rows for cell in cells)


def load_members(accounts: Iterable[int]) -> list[Membership]:
    """Load the members and guests of accounts, with those who have not accepted."""
    rows = Membership.objects.filter(account__in=set(accounts)).select_related("user", "account")
    return list(rows.order_by("user__email", "pk"))


def load_site_rights(members: Sequence[Membership], sites: Sequence[Site]) -> dict[tuple[int, int], str]:
    """Load the rights of guests on sites, by (membership, site)."""
    guests = [row.pk for row in members if row.role == Role.GUEST]
    grants = Grant.objects.filter(membership__in=guests, kind=KIND, object_id__in=[site.pk for site in sites])
    return {(guest, site): right for guest, site, right in grants.values_list("membership_id", "object_id", "right")}


def build_access_table(agency: Account, query: HomeQuery, clients: Sequence[ClientAccount]) -> AccessTable:
    """Build the table of the first sites that the search and the label select, and the first people by address."""
    found = find_rows(agency, query, clients)
    shown = found[:MAX_SITES_SHOWN]
    sites = [site for site, _ in shown]
    members = load_members(site.account_id for site in sites)
    people = list({row.user_id: row.user for row in members}.values())
    rights = load_site_rights(members, sites)
    by_place = {(row.user_id, row.account_id): row for row in members}
    rows = [
        (site, client, [build_cell(by_place.get((user.pk, site.account_id)), site, rights) for user in people])
        for site, client in shown
    ]
    return AccessTable(
        people=people[:MAX_PEOPLE_SHOWN],
        rows=[(site, client, cells[:MAX_PEOPLE_SHOWN]) for site, client, cells in rows],
        more_sites=len(found) > len(shown),
        more_people=len(people) > MAX_PEOPLE_SHOWN,
    )


def build_cell(member: Membership | None, site: Site, rights: dict[tuple[int, int], str]) -> AccessCell:
    """Build the cell of a person and a site."""
    if member is None:
        return AccessCell()
    if member.role != Role.GUEST:
        return AccessCell(role=Role(member.role).label)
    return AccessCell(field=f"{member.pk}-{site.pk}", right=rights.get((member.pk, site.pk), "none"))


@transaction.atomic
def save_access(data: QueryDict, agency: Account, query: HomeQuery, clients: Sequence[ClientAccount]) -> int:
    """Save the rights that the form changes, of those that the table displays; returns how many. Raises
    ValidationError."""
    table = build_access_table(agency, query, clients)
    sites = [site for site, _, _ in table.rows]
    guests = {row.pk: row for row in load_members(site.account_id for site in sites)}
    changed = 0
    for site, _, cells in table.rows:
        for cell in cells:
            right = data.get(cell.field) if cell.field else None
            if right in RIGHTS and right != cell.right:
                guest = guests[int(cell.field.partition("-")[0])]
                grant_set(membership=guest, kind=KIND, object_id=site.pk, right=RIGHTS[right])
                changed += 1
    return changed
