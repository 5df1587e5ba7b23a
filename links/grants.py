"""What a guest can be given of this room, and what somebody may see and change of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest

from accounts.access import current_membership, granted, membership_may
from accounts.models import Account, Membership, Right, Role
from links.models import Datapoint, Group

GROUP, DATAPOINT = "group", "datapoint"
ALL_THINGS = "all_things"  # a guest's option: may see and edit all links and groups, and nothing else


@dataclass(frozen=True)
class Sight:
    """What one membership sees of the links: everything, or what it was granted.

    A right on a group is a right on all its links. `whole`: sees everything; `writes`: may change everything;
    `master`: owner or member of the team, who may also manage guests, plan, lists, conversions and tags.
    """

    membership: Membership
    whole: bool
    writes: bool
    master: bool
    groups: dict[int, str] = field(default_factory=dict)
    links: dict[int, str] = field(default_factory=dict)

    @property
    def account(self) -> Account:
        return self.membership.account

    @property
    def guest(self) -> bool:
        return self.membership.role == Role.GUEST

    def datapoints(self, write: bool = False) -> QuerySet[Datapoint]:
        """The links and pixels it may see (or change), deleted ones included."""
        rows = Datapoint.objects.filter(account=self.account).select_related("group", "domain")
        if self.writes or (self.whole and not write):
            return rows
        return rows.filter(Q(group_id__in=self.rights(self.groups, write)) | Q(pk__in=self.rights(self.links, write)))

    def all_groups(self, write: bool = False) -> QuerySet[Group]:
        """The groups it may see (or change), deleted ones included; a group whose link it was given is not one."""
        rows = Group.objects.filter(account=self.account)
        if self.writes or (self.whole and not write):
            return rows
        return rows.filter(pk__in=self.rights(self.groups, write))

    def may_write(self, row: Datapoint | Group) -> bool:
        """Whether it may change this group or link."""
        if self.writes:
            return True
        if isinstance(row, Group):
            return self.groups.get(row.pk) == Right.WRITE
        return self.links.get(row.pk) == Right.WRITE or self.groups.get(row.group_id) == Right.WRITE

    @staticmethod
    def rights(given: dict[int, str], write: bool) -> list[int]:
        return [number for number, right in given.items() if right == Right.WRITE or not write]

    def option(self, group: str, name: str) -> Any:
        """One of a guest's options, such as ("hitOptions", "hideReferrer"); None for everybody else."""
        return (self.membership.options.get(group) or {}).get(name) if self.guest else None


def sight(membership: Membership) -> Sight:
    """What the membership sees: everything by its role, or by a guest's option; else what it was granted."""
    of_all = membership.role == Role.GUEST and bool(membership.options.get(ALL_THINGS))
    whole = of_all or membership_may(membership, "view")
    writes = of_all or membership_may(membership, "edit")
    master = writes and membership.role != Role.GUEST
    if whole:
        return Sight(membership, whole, writes, master)
    return Sight(membership, whole, writes, master, granted(membership, GROUP), granted(membership, DATAPOINT))


def sight_of(request: HttpRequest, may: str = "view") -> Sight:
    """What the person at a page sees; Http404 for somebody who has nothing to do with links here."""
    found = sight(current_membership(request))
    if may == "manage" and not found.master:
        raise Http404("No such page.")
    if may == "edit" and not (found.writes or Right.WRITE in {*found.groups.values(), *found.links.values()}):
        raise Http404("No such page.")
    if not (found.whole or found.groups or found.links):
        raise Http404("No such page.")
    return found


def datapoint_for(request: HttpRequest, datapoint_id: int, may: str = "view") -> Datapoint:
    """The link or pixel, for somebody who may do `may` with it, else Http404."""
    found = sight_of(request).datapoints(write=may != "view").filter(pk=datapoint_id).first()
    if found is None:
        raise Http404("No such link.")
    return found


def group_for(request: HttpRequest, group_id: int, may: str = "view") -> Group:
    """The group, for somebody who may do `may` with it, else Http404."""
    found = sight_of(request).all_groups(write=may != "view").filter(pk=group_id).first()
    if found is None:
        raise Http404("No such group.")
    return found
