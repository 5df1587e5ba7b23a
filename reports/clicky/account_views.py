"""The addresses beside the Stats API that list sites with their keys: `/api/account/sites` and `/api/whitelabel/…`.

The white-label API is answered as far as it is documented: plain text, `OK` or `NOK` first; the list of sites is XML.
Its `auth` is the account's key. The names of the operations that create and change things are not documented; sites,
users and goals are managed by this product's own API instead, and every other name here answers NOK.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import cast

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone as clock
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.keys import hash_key
from accounts.models import Account, User
from accounts.permissions import check_not_suspended
from accounts.security import rate_limits
from accounts.security.client_ip import get_client_key
from accounts.security.password_login import check_credentials
from accounts.selectors import explain_password_refusal
from reports.clicky.dates import find_known_zone
from reports.clicky.errors import ClickyError
from reports.clicky.openapi import describe_account_sites, describe_whitelabel
from reports.clicky.outputs import Data, OutputRenderer, XmlRenderer
from reports.clicky.views import ClickyView
from reports.query import Period, Query, QueryRefused, ask_all
from reports.query.budgets import BudgetExceeded
from reports.query.model import MAX_SITES, split_sites
from sites.models import Site
from sites.selectors import group_by_zone, select_sites
from tracking.store import StoreError

WRONG_KEY = rate_limits.RateLimit("whitelabel-auth", 20, 300)
INVALID_KEY, UNKNOWN_OPERATION, UNKNOWN_SITE = "Invalid auth key.", "Unknown operation.", "Unknown site_id."
ERROR_NUMBERS = {INVALID_KEY: 1, UNKNOWN_OPERATION: 2, UNKNOWN_SITE: 3}
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
WHITELABEL_FIELDS = ("site_id", "hostname", "nickname", "sitekey", "server", "sitekey_admin")


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


class LinesRenderer(OutputRenderer):
    """Plain text, a line for each value; an error is NOK, its number and its sentence."""

    media_type, format = "text/plain; charset=utf-8", "lines"

    def write(self, data: Data) -> bytes:
        lines = ["NOK", ERROR_NUMBERS.get(data["error"], 2), data["error"]] if isinstance(data, dict) else data
        return "".join(f"{line}\n" for line in lines).encode()


@describe_whitelabel
class WhitelabelView(ClickyView):
    """`/api/whitelabel/<operation>?auth=`."""

    renderer_classes = [LinesRenderer, XmlRenderer]
    only_renderer = LinesRenderer
    is_readable_by_scripts = False

    def perform_authentication(self, request: Request) -> None:
        """Find the account whose key `auth` is. Wrong keys are limited by client."""
        attempt, key = (WRONG_KEY, get_client_key(request)), self.params.get("auth", "").strip().upper()
        is_limited = rate_limits.count_attempt(attempt)
        account = Account.objects.filter(authkey_hash=hash_key(key)).first() if key and not is_limited else None
        if account is None:
            raise ClickyError(INVALID_KEY)
        rate_limits.undo_attempt(attempt)
        check_not_suspended(account)
        request.user, request.auth = AnonymousUser(), account

    def get(self, request: Request, operation: str) -> Response:
        account, params, name = cast(Account, request.auth), self.params, operation.strip("/").lower()
        sites = Site.objects.filter(account=account, deleted=None).order_by("pk")
        if name == "sites":
            request.accepted_renderer = XmlRenderer()
            return Response([build_site_row(site, WHITELABEL_FIELDS, {}) for site in sites])
        if name == "usage":
            return Response(["OK", count_usage(sites.values_list("pk", flat=True), params.get("site_id", ""))])
        raise ClickyError(UNKNOWN_OPERATION)


def count_usage(own_sites: Iterable[int], site_id: str) -> int:
    """Return this month's page views of one site, or of all for "". Raises ClickyError for an unknown site."""
    ids = [pk for pk in own_sites if site_id in ("", str(pk))]
    if site_id and not ids:
        raise ClickyError(UNKNOWN_SITE)
    now = clock.now()
    month = Period.parse("this-month", "UTC", now)
    queries = [Query(sites=part, period=month, metrics=("views",)) for part in split_sites(ids)]
    return sum(int(result.rows[0]["views"]) for result in ask_all(queries, now))
