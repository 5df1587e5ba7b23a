"""The base of the resources of one site in the management API, such as its goals and monitors."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

from django.db.models import Model
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts.api.resources import ResourceViews
from accounts.models import User
from accounts.permissions import get_acting_user
from sites.models import Site
from sites.selectors import get_site_for_actor

Row = TypeVar("Row", bound=Model)


class SiteResource(ResourceViews[Row]):
    """Rows of one site. To read them the caller needs the permission `reads` on the site, to write them `writes`."""

    reads = "view"
    writes = "edit"

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Fetch the site before the body is read, so that strangers get 404 whatever they send. Raises Http404."""
        super().initial(request, *args, **kwargs)
        _ = self.site

    @cached_property
    def site(self) -> Site:
        """The site that the address names, which the caller may reach as the method needs. Raises Http404."""
        return self.fetch_site()

    def fetch_site(self) -> Site:
        """Fetch the site with the permission that the method needs. Raises Http404."""
        may = self.reads if self.request.method in SAFE_METHODS else self.writes
        return get_site_for_actor(self.request.user, self.kwargs["site_id"], may)

    @property
    def acting_user(self) -> User | None:
        """The person who acts; None for an account's key."""
        return get_acting_user(self.request.user)
