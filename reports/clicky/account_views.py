"""The addresses beside the Stats API that list sites with their keys: `/api/account/sites` and `/api/whitelabel/…`.

The white-label API is answered as far as it is documented: plain text, `OK` or `NOK` first; the list of sites is XML.
Its `auth` is the account's key. The names of the operations that create and change things are not documented; sites,
users and goals are managed by this product's own API instead, and every other name here answers NOK.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import cast

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils import timezone as clock
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.keys import hash_key
from accounts.models import Account, User
from accounts.permissions import has_second_factor
from accounts.security import rate_limits
from accounts.security.client_ip import get_client_key
from accounts.security.password_login import check_credentials
from reports.clicky.dates import find_known_zone
from reports.clicky.errors import ClickyError
from reports.clicky.openapi import describe_account_sites, describe_whitelabel
from reports.clicky.outputs import Data, Item, OutputRenderer, XmlRenderer
from reports.clicky.views import ClickyView
from reports.query import Period, Query, QueryRefused, ask
from reports.query.budgets import BudgetExceeded
from reports.query.model import MAX_SITES
from sites.models import Site
from sites.selectors import group_by_zone, select_sites
from tracking.store import StoreError

WRONG_KEY = rate_limits.RateLimit("whitelabel-auth", 20, 300)
INVALID_KEY, UNKNOWN_OPERATION, UNKNOWN_SITE = "Invalid auth key.", "Unknown operation.", "Unknown site_id."
ERROR_NUMBERS = {INVALID_KEY: 1, UNKNOWN_OPERATION: 2, UNKNOWN_SITE: 3}
log = logging.getLogger(__name__)
log = logging.getLogger(__name__)


def authenticate(request: HttpRequest, params: Mapping[str, str]) -> User:
    """Return the user with the request's name and password.

    Wrong passwords count for the same limits as on the log-in page. Raises ClickyError for a wrong one, TooManyAttempts
    or HashingBusy if the password was not checked.
    """
    name, password = params.get("username", "").strip().lower(), params.get("password", "")
    user = check_credentials(request, name, password) if "\x00" not in name else None
    if user is None:
        raise ClickyError("Invalid username or password.")
    if has_second_factor(user):
        raise ClickyError("This user has a second factor, so the password is not enough. Use a key of the account.")
    return user


@describe_account_sites
@method_decorator(sensitive_post_parameters(), name="dispatch")
class AccountSitesView(ClickyView):
    """The sites that the user may see, each with its keys."""

    def identify(self, request: Request) -> tuple[User, None]:
        return authenticate(request, self.params), None

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
    now, found = clock.now(), dict[int, dict[str, str]]()
    try:
        for timezone, site_ids in group_by_zone(sites).items():
            for ids in split_queries(site_ids):
                found |= load_numbers_of_day(ids, Period.parse("today", find_known_zone(timezone), now), now)
    except (BudgetExceeded, StoreError) as error:  # which the rest would raise too: the list is of use without numbers
        log.warning("The list of sites lacks the numbers of some: %s", error)
    return found


def split_queries(ids: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Split sites into as many as one query may ask about."""
    return [ids[start : start + MAX_SITES] for start in range(0, len(ids), MAX_SITES)]


def load_numbers_of_day(site_ids: tuple[int, ...], today: Period, now: datetime) -> dict[int, dict[str, str]]:
    """Load the numbers of each of these sites, which share a time zone; none if the query is refused."""
    query = Query(sites=site_ids, period=today, metrics=("visits", "online"), dimensions=("site",), limit=MAX_SITES)
    try:
        rows = {int(row["site"]): row for row in ask(query, now=now).rows}
    except QueryRefused:
        return {}
    return {site_id: build_numbers(rows.get(site_id, {"visits": 0, "online": 0})) for site_id in site_ids}


def build_numbers(row: Mapping[str, object]) -> dict[str, str]:
    return {"visitors_online": str(row["online"]), "visitors_today": str(row["visits"])}


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

    def identify(self, request: Request) -> tuple[AnonymousUser, Account]:
        """Return the account whose key `auth` is. Wrong keys are limited by client."""
        attempt, key = (WRONG_KEY, get_client_key(request)), self.params.get("auth", "").strip().upper()
        is_limited = rate_limits.count_attempt(attempt)
        account = Account.objects.filter(authkey_hash=hash_key(key)).first() if key and not is_limited else None
        if account is None:
            raise ClickyError(INVALID_KEY)
        rate_limits.undo_attempt(attempt)
        return AnonymousUser(), account

    def get(self, request: Request, operation: str) -> Response:
        account, params, name = cast(Account, request.auth), self.params, operation.strip("/").lower()
        if name == "sites":
            request.accepted_renderer = XmlRenderer()
            return Response(list_sites(account))
        if name == "usage":
            return Response(["OK", count_usage(account, params.get("site_id", ""))])
        raise ClickyError(UNKNOWN_OPERATION)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        return LinesRenderer(), LinesRenderer.media_type

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Scripts of other pages may not read this, other than the rest of the dialect."""
        return {"Allow": ", ".join(self.allowed_methods)}


def list_sites(account: Account) -> list[Item]:
    """Return every site of the account with Clicky's names of fields."""
    return [
        {
            "site_id": str(site.pk),
            "hostname": site.domain,
            "nickname": str(site),
            "sitekey": site.sitekey,
            "server": "",
            "sitekey_admin": site.sitekey_admin,
        }
        for site in Site.objects.filter(account=account, deleted=None).order_by("pk")
    ]


def count_usage(account: Account, site_id: str) -> int:
    """Return this month's page views of one site, or of all for "". Raises ClickyError for an unknown site."""
    own_sites = Site.objects.filter(account=account, deleted=None).values_list("pk", flat=True)
    ids = [pk for pk in own_sites if site_id in ("", str(pk))]
    if site_id and not ids:
        raise ClickyError(UNKNOWN_SITE)
    now = clock.now()
    month = Period.parse("this-month", "UTC", now)
    queries = [Query(sites=chunk, period=month, metrics=("views",)) for chunk in split_queries(tuple(ids))]
    return sum(int(ask(query, now=now).rows[0]["views"]) for query in queries)
