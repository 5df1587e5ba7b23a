"""`/app/api`: the URL shortener of the Clicky dialect, which makes a tracked link.

A form of `username`, `password` and `url`, optionally with `title` and `site_id`, is answered with the short
address as plain text. A refusal is a sentence with a status of its own, since the text could be taken for an address.
"""

from __future__ import annotations

from typing import cast

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Account, Role, User
from accounts.permissions import choose_membership, list_memberships, membership_may
from links.public_urls import build_tracking_url
from links.services.links import datapoint_create
from reports.clicky.account_views import PasswordView
from reports.clicky.errors import ClickyError
from reports.clicky.outputs import OutputRenderer
from reports.clicky.stats_request import is_site_id
from sites.selectors import select_sites


class TextRenderer(OutputRenderer):
    """An address or, of an error, its sentence, as plain text."""

    media_type, format = "text/plain; charset=utf-8", "text"

    def write(self, data: object) -> bytes:
        return str(data["error"] if isinstance(data, dict) else data).encode()


class ShortenerView(PasswordView):
    http_method_names = ["get", "post"]
    only_renderer = TextRenderer
    is_readable_by_scripts = False

    def get(self, request: Request) -> Response:
        """Create a link to `url` in the account of the site, or in the one the user works in; answer its address."""
        params = self.params
        account = find_account(cast(User, request.user), params.get("site_id", ""))
        link = datapoint_create(account=account, url=params.get("url", ""), title=params.get("title", ""))
        return Response(build_tracking_url(link))

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if response.status_code == 200:
            response.status_code = 403
        return response


def find_account(user: User, site_id: str) -> Account:
    """Return the account that gets the link. Raises ClickyError if the user may create no links there."""
    memberships = [membership for membership in list_memberships(user) if membership.role != Role.GUEST]
    if site_id:
        site = select_sites(user).filter(pk=int(site_id)).first() if is_site_id(site_id) else None
        if site is None:
            raise ClickyError("Invalid site_id.")
        memberships = [membership for membership in memberships if membership.account_id == site.account_id]
    editable = [membership for membership in memberships if membership_may(membership, "edit")]
    if not editable:
        raise ClickyError("You may not create links.")
    return choose_membership(editable, user.last_account_id).account
