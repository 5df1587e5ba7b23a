"""`/api/account/sites`: a user's sites with their keys, for clients that ask for a name and a password."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from django.http import HttpRequest
from django.utils import timezone as clock
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.security.password_login import check_credentials
from reports.clicky.api_view import ClickyView, get_params
from reports.clicky.dates import find_known_zone
from reports.clicky.errors import ClickyError
from reports.clicky.openapi import describe_account_sites
from reports.query import Period, Query, QueryRefused, ask
from reports.query.model import MAX_SITES
from sites.models import Site
from sites.selectors import group_by_zone, select_sites


def authenticate(request: HttpRequest, params: Mapping[str, str]) -> User:
    """Return the user with the request's name and password.

    Wrong passwords count for the same limits as on the log-in page. Raises ClickyError for a wrong one, TooManyAttempts
    or HashingBusy if the password was not checked.
    """
    name, password = params.get("username", "").strip().lower(), params.get("password", "")
    user = check_credentials(request, name, password) if "\x00" not in name else None
    if user is None:
        raise ClickyError("Invalid username or password.")
    return user


class PasswordAuthentication(BaseAuthentication):
    """Authentication by `username` and `password`, in the URL or a form."""

    def authenticate(self, request: Request) -> tuple[User, None]:
        return authenticate(request, get_params(request)), None


@describe_account_sites
@method_decorator(sensitive_post_parameters(), name="dispatch")
class AccountSitesView(ClickyView):
    """The sites that the user may see, each with its keys."""

    authentication_classes = [PasswordAuthentication]

    def get(self, request: Request) -> Response:
        user = cast(User, request.user)
        sites, editable = list(select_sites(user)), set(select_sites(user, "edit").values_list("pk", flat=True))
        numbers = load_visit_numbers(sites)
        return Response([build_site_row(site, site.pk in editable, numbers.get(site.pk, {})) for site in sites])


def build_site_row(site: Site, may_edit: bool, numbers: dict[str, str]) -> dict[str, str]:
    """Build one site with Clicky's names of fields; the admin key only for those who may edit the site."""
    row = {
        "site_id": str(site.pk),
        "sitekey": site.sitekey,
        "hostname": site.domain,
        "nickname": str(site),
        "timezone": site.timezone,
        **numbers,
    }
    return {**row, "sitekey_admin": site.sitekey_admin} if may_edit else row


def load_visit_numbers(sites: list[Site]) -> dict[int, dict[str, str]]:
    """Return the visitors online and the visits of today, which Clicky calls visitors, by site; without the sites whose
    numbers cannot be read. Sites of one time zone have the same today, so they are one query.
    """
    now = clock.now()
    numbers: dict[int, dict[str, str]] = {}
    for timezone, site_ids in group_by_zone(sites).items():
        today = Period.parse("today", find_known_zone(timezone), now)
        for first in range(0, len(site_ids), MAX_SITES):
            numbers.update(load_numbers_of_day(site_ids[first : first + MAX_SITES], today, now))
    return numbers


def load_numbers_of_day(site_ids: tuple[int, ...], today: Period, now: datetime) -> dict[int, dict[str, str]]:
    """Return the numbers of sites that share a time zone; {} if they cannot be read."""
    query = Query(sites=site_ids, period=today, metrics=("visits", "online"), dimensions=("site",), limit=MAX_SITES)
    try:
        rows = {int(row["site"]): row for row in ask(query, now=now).rows}
    except QueryRefused:
        return {}
    nothing = {"visits": 0, "online": 0}
    numbers = {site_id: rows.get(site_id, nothing) for site_id in site_ids}
    return {
        site_id: {"visitors_online": str(row["online"]), "visitors_today": str(row["visits"])}
        for site_id, row in numbers.items()
    }
