"""The base of the resources of links: rows are reached through the caller's link scope."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

from django.db.models import Model
from django.http import Http404
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts.api.resources import ResourceViews
from accounts.models import Area
from accounts.permissions import Bearer
from links.permissions import LinkScope, build_link_scope

Row = TypeVar("Row", bound=Model)


class LinkResource(ResourceViews[Row]):
    """Rows of links. `reads` and `writes`: what the caller must be able to do with some link of the account."""

    area = Area.LINKS
    reads = "view"
    writes = "edit"

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Build the scope before the body is read. Raises Http404."""
        super().initial(request, *args, **kwargs)
        _ = self.scope

    @cached_property
    def scope(self) -> LinkScope:
        """What the caller may see and change of the links. Raises Http404, also for a token limited to sites."""
        actor = self.request.user
        if isinstance(actor, Bearer) and actor.site_ids is not None:
            raise Http404("This token is limited to some sites.")
        scope = build_link_scope(self.find_acting_membership())
        if not scope.may_anything(self.needed_permission):
            raise Http404(self.missing)
        return scope

    @property
    def needed_permission(self) -> str:
        """What the method needs: "view", "edit" or "manage"."""
        return self.reads if self.request.method in SAFE_METHODS else self.writes

    @property
    def row_permission(self) -> str:
        """Which rows the method may reach: those that may be edited, if it writes."""
        return "view" if self.request.method in SAFE_METHODS else "edit"
