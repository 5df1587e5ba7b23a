"""Permissions: what a membership may see and change of links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest

from accounts.models import Account, Grant, Membership, Role
from accounts.permissions import RIGHT_PERMISSIONS, ROLE_PERMISSIONS, get_current_membership, load_grants
from links.models import Conversion, Datapoint, Domain, Group, LinkConversion, ListEntry, Script, Tag

GROUP, DATAPOINT = "group", "datapoint"
ALL_LINKS_OPTION = "all_things"  # a guest's option: may see and edit all links and groups (the key in stored options)
# Permission -> the rights that include it
SUFFICIENT_RIGHTS = {
    may: frozenset(right for right, permissions in RIGHT_PERMISSIONS.items() if may in permissions)
    for may in ("view", "edit")
}
LATEST_TIME = datetime(2098, 12, 30)


def load_rights_by_guest(guests: Sequence[Membership]) -> dict[int, dict[str, dict[int, str]]]:
    """Load the link rights of several guests in one query: guest id -> kind -> object id -> right."""
    rights: dict[int, dict[str, dict[int, str]]] = {guest.pk: {GROUP: {}, DATAPOINT: {}} for guest in guests}
    rows = Grant.objects.filter(membership__in=guests, kind__in=(GROUP, DATAPOINT))
    for guest_id, kind, number, right in rows.values_list("membership_id", "kind", "object_id", "right"):
        rights[guest_id][kind][number] = right
    return rights


@dataclass(frozen=True, kw_only=True)
class LinkScope:
    """What one membership may see and change of the links: everything, or what it was granted.

    A right on a group is a right on all its links. `sees_all`: may see everything; `edits_all`: may edit everything;
    `can_manage`: belongs to the team, so may also manage guests, plan, lists, conversions and tags. `group_rights`
    and `link_rights` are id -> right, empty where `sees_all`.

    Ids and names that a caller sends are looked up in these query sets only. What they leave out does not exist for the
    caller, neither for reading nor for attaching it to a link.
    """

    membership: Membership
    sees_all: bool
    edits_all: bool
    can_manage: bool
    group_rights: dict[int, str] = field(default_factory=dict)
    link_rights: dict[int, str] = field(default_factory=dict)

    @property
    def account(self) -> Account:
        return self.membership.account

    @property
    def is_guest(self) -> bool:
        return self.membership.role == Role.GUEST

    def may_anything(self, may: str) -> bool:
        """Return whether it has the permission `may` ("view", "edit" or "manage") for any link or group."""
        if may == "manage":
            return self.can_manage
        rights = {*self.group_rights.values(), *self.link_rights.values()}
        return self.may_everything(may) or not rights.isdisjoint(SUFFICIENT_RIGHTS[may])

    def may_everything(self, may: str) -> bool:
        return self.edits_all if may == "edit" else self.sees_all

    def datapoints(self, may: str = "view") -> QuerySet[Datapoint]:
        """Select the links and pixels it may see (or "edit"), deleted ones included."""
        rows = Datapoint.objects.filter(account=self.account).select_related("group", "domain")
        if self.may_everything(may):
            return rows
        return rows.filter(Q(group_id__in=self.granted_ids(GROUP, may)) | Q(pk__in=self.granted_ids(DATAPOINT, may)))

    def groups(self, may: str = "view") -> QuerySet[Group]:
        """Select the groups it may see (or "edit"), deleted ones too; a right on a link gives none on its group."""
        rows = Group.objects.filter(account=self.account)
        return rows if self.may_everything(may) else rows.filter(pk__in=self.granted_ids(GROUP, may))

    def granted_ids(self, kind: str, may: str) -> QuerySet[Grant, int]:
        """Select the ids of granted groups or links, as a subquery, since there may be many."""
        grants = Grant.objects.filter(membership=self.membership, kind=kind, right__in=SUFFICIENT_RIGHTS[may])
        if not self.is_guest:  # grants of an earlier role do not count
            grants = grants.none()
        return grants.values_list("object_id", flat=True)

    def may_on_link(self, link_id: int, group_id: int, may: str = "view") -> bool:
        """Return whether a link of the account is one of `datapoints(may)`, without a query: for rows and events that
        are in memory. A test holds the two together."""
        return self.may_on_group(group_id, may) or self.link_rights.get(link_id) in SUFFICIENT_RIGHTS[may]

    def may_on_group(self, group_id: int, may: str = "view") -> bool:
        """Return whether a group of the account is one of `groups(may)`, without a query."""
        return self.may_everything(may) or self.group_rights.get(group_id) in SUFFICIENT_RIGHTS[may]

    def may_edit(self, row: Datapoint | Group) -> bool:
        """Return whether it may edit this group or link of the account."""
        if self.edits_all:
            return True
        if isinstance(row, Group):
            return self.may_on_group(row.pk, "edit")
        return self.may_on_link(row.pk, row.group_id, "edit")

    def conversions(self) -> QuerySet[Conversion]:
        """Select the conversions it may see and attach, deleted ones included: a guest's are those of their links."""
        rows = Conversion.objects.filter(account=self.account)
        if self.sees_all:
            return rows
        return rows.filter(
            pk__in=LinkConversion.objects.filter(datapoint__in=self.datapoints()).values("conversion_id")
        )

    def scripts(self) -> QuerySet[Script]:
        """Select the retargeting scripts it may see and attach: a guest's are those of their links."""
        rows = Script.objects.filter(account=self.account)
        if self.sees_all:
            return rows
        on_links = Datapoint.scripts.through.objects.filter(datapoint__in=self.datapoints())
        return rows.filter(pk__in=on_links.values("script_id"))

    def tags(self) -> QuerySet[Tag]:
        """Select the tags it may see and attach: a guest's are those of their links and groups."""
        rows = Tag.objects.filter(account=self.account)
        if self.sees_all:
            return rows
        on_links = Datapoint.tags.through.objects.filter(datapoint__in=self.datapoints())
        on_groups = Group.tags.through.objects.filter(group__in=self.groups())
        return rows.filter(Q(pk__in=on_links.values("tag_id")) | Q(pk__in=on_groups.values("tag_id")))

    def domains(self) -> QuerySet[Domain]:
        """Select the domains it may create links on: the installation's and the account's own.

        A guest has only those of the account's domains that links they see use: others may belong to other clients.
        """
        rows = Domain.objects.filter(Q(account=None) | Q(account=self.account), deleted=None)
        return rows if self.sees_all else rows.filter(Q(account=None) | Q(pk__in=self.datapoints().values("domain_id")))

    def entries(self) -> QuerySet[ListEntry]:
        """Select the entries of the account's two lists, which only the team sees."""
        rows = ListEntry.objects.filter(account=self.account)
        return rows if self.can_manage else rows.none()

    @property
    def visible_since(self) -> datetime | None:
        """The moment from which a guest sees numbers (timeframeMinDate, in the account's zone); None: no limit."""
        text = str(self.membership.options.get("timeframeMinDate") or "") if self.is_guest else ""
        if not text or text.startswith("0001"):  # ClickMeter writes year 1 for no date
            return None
        try:
            day = min(datetime.strptime(text.ljust(14, "0"), "%Y%m%d%H%M%S"), LATEST_TIME)
        except ValueError:
            day = LATEST_TIME  # an invalid date must not show everything
        return day.replace(tzinfo=ZoneInfo(self.account.timezone))

    @property
    def sees_conversions(self) -> bool:
        """Return whether it may see conversions (a guest's option hideCount)."""
        return not self.get_option("conversionOptions", "hideCount")

    def get_factor(self, name: str) -> float:
        """Return the factor of the amounts that a guest sees (an option in percent, such as percentValue)."""
        return float(self.get_option("conversionOptions", name) or 100) / 100

    def get_option(self, group: str, name: str) -> str | float | None:
        """Return a guest's option such as ("hitOptions", "hideReferrer"); None for everybody else."""
        return (self.membership.options.get(group) or {}).get(name) if self.is_guest else None


def build_link_scope(membership: Membership) -> LinkScope:
    """Build the scope of a membership: everything by its role or a guest's option, else what it was granted."""
    has_all_links = membership.role == Role.GUEST and bool(membership.options.get(ALL_LINKS_OPTION))
    permissions = ROLE_PERMISSIONS[membership.role]
    sees_all = has_all_links or "view" in permissions
    edits_all = has_all_links or "edit" in permissions
    can_manage = edits_all and membership.role != Role.GUEST
    return LinkScope(
        membership=membership,
        sees_all=sees_all,
        edits_all=edits_all,
        can_manage=can_manage,
        group_rights={} if sees_all else load_grants(membership, GROUP),
        link_rights={} if sees_all else load_grants(membership, DATAPOINT),
    )


def get_link_scope_or_404(request: HttpRequest, may: str = "view") -> LinkScope:
    """Build the scope of the logged-in person. Raises Http404 if they may not `may` anything of links here."""
    scope = build_link_scope(get_current_membership(request))
    if not scope.may_anything(may):
        raise Http404("No such page.")
    return scope
