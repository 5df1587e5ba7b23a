"""The address beside the Stats API that lists a user's sites with their keys: `/api/account/sites`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import cast

from django.utils import timezone as clock
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.security.password_login import check_credentials
from accounts.selectors import explain_password_refusal
from reports.clicky.dates import find_known_zone
from reports.clicky.errors import ClickyError
from reports.clicky.openapi import describe_account_sites
from reports.clicky.views import ClickyView
from reports.query import Period, Query, QueryRefused, ask_all
from reports.query.budgets import BudgetExceeded
from reports.query.model import MAX_SITES, split_sites
from sites.models import Site
from sites.selectors import group_by_zone, select_sites
from tracking.store import StoreError

log = logging.getLogger(__name__)


@method_decorator(sensitive_post_parameters(), name="dispatch")
class PasswordView(ClickyView):
    """A view for the user whose `username`, which is the e-mail address, and `password` are parameters."""

    def perform_authentication(self, request: Request) -> None:
        """Find the user. Wrong passwords count for the same limits as on the log-in page."""
        name, password = self.params.get("username", "").strip().lower(), self.params.get("password", "")
        user = check_credentials(request, name, password) if "\x00" not in name else None
        if user is None:
            raise ClickyError("Invalid username or password.")
        if reason := explain_password_refusal(user):
            raise ClickyError(reason)
        request.user = user


@describe_account_sites
class AccountSitesView(PasswordView):
    """The sites that the user may see, each with its keys."""

    def get(self, request: Request) -> Response:
        user = cast(User, request.user)
        sites, editable = list(select_sites(user)), set(select_sites(user, "edit").values_list("pk", flat=True))
        numbers = load_visit_numbers(sites)
        return Response([
            build_site_row(site, EDITOR_FIELDS if site.pk in editable else VIEWER_FIELDS, numbers.get(site.pk, {}))
            for site in sites
        ])  # fmt: skip


VIEWER_FIELDS = ("site_id", "sitekey", "hostname", "nickname", "timezone", "visitors_online", "visitors_today")
EDITOR_FIELDS = (*VIEWER_FIELDS, "sitekey_admin")


def build_site_row(site: Site, names: tuple[str, ...], numbers: Mapping[str, str]) -> dict[str, str]:
    """Build a site with these of Clicky's fields, in this order; without numbers that are not known."""
    keys = {"sitekey": site.sitekey, "sitekey_admin": site.sitekey_admin}
    texts = {"hostname": site.domain, "nickname": str(site), "timezone": site.timezone, "server": ""}
    fields = {"site_id": str(site.pk), **texts, **keys, **numbers}
    return {name: fields[name] for name in names if name in fields}


def load_visit_numbers(sites: list[Site]) -> dict[int, dict[str, str]]:
    """Return the visitors online and the visits of today, which Clicky calls visitors, by site; without the sites whose
    numbers cannot be read. Sites of one time zone have the same today, so they are one query.
    """
    now, numbers_by_site = clock.now(), dict[int, dict[str, str]]()
    try:
        for timezone, ids in group_by_zone(sites).items():
            today = Period.parse("today", find_known_zone(timezone), now)
            queries = [
                Query(sites=part, period=today, metrics=("visits", "online"), dimensions=("site",), limit=MAX_SITES)
                for part in split_sites(ids)
            ]
            rows = {int(row["site"]): row for result in ask_all(queries, now) for row in result.rows}
            for site_id in ids:
                row = rows.get(site_id, {"visits": 0, "online": 0})
                numbers_by_site[site_id] = {"visitors_online": str(row["online"]), "visitors_today": str(row["visits"])}
    except (BudgetExceeded, QueryRefused, StoreError) as error:  # the list is of use without the numbers of the rest
        log.warning("The list of sites lacks the numbers of some: %s", error)
    return numbers_by_site
