"""Operations on the account, its plan and its two lists."""

from __future__ import annotations

import base64
from urllib.parse import quote

from tzlocal.windows_tz import tz_win

import accounts.services
from accounts.account_limits import get_account_limit
from accounts.selectors import find_owner
from links import link_statistics
from links.clickmeter import parsers, serializers
from links.clickmeter.api_request import ApiRequest, Handler, Json, parse_boolean
from links.clickmeter.errors import build_not_found_error, build_parameter_error
from links.clickmeter.guests import format_guest_name
from links.clickmeter.parsers import parse_optional_time
from links.clickmeter.times import ZONE_NUMBERS, format_time, parse_zone
from links.models import Datapoint, Domain, ListKind, Status
from links.services import scripts_and_lists as list_services
from reports.query import Period
from reports.quotas import find_current_month

PROFILE_NAMES = {
    "firstname": "firstName", "lastname": "lastName", "companyname": "companyName", "companyrole": "companyRole",
    "phone": "phone",
}  # fmt: skip
UNLIMITED_EVENTS, PERSONAL_URLS = 1_000_000_000, 1000  # not limited here, but clients expect a number


def account_get(request: ApiRequest) -> Json:
    """Serialize the account; a guest gets their own data instead."""
    account, member = request.account, request.scope.membership
    user = member.user if member.pk else find_owner(account)
    name = user.name if user is not None and member.accepted else ""
    profile = account.profile if not request.scope.is_guest else {"firstName": name or format_guest_name(member)}
    result: Json = {
        "email": user.email if user else "", "firstName": profile.get("firstName") or name,
        "registrationDate": format_time(account.created), "timezone": ZONE_NUMBERS.get(account.timezone, 0),
        "timezonename": tz_win.get(account.timezone, account.timezone),
        "boGoVal": quote(base64.b64encode(f"{account.pk}".encode()).decode(), safe=""),
    }  # fmt: skip
    return result | serializers.omit_empty(
        **{name: profile.get(name) for name in ("lastName", "companyName", "companyRole", "phone")}
    )


def account_update(request: ApiRequest) -> Json:
    request.require_manager()
    body = request.body
    check_unchangeable_fields(request, body)
    profile = {
        member: parsers.parse_text(body[name]).replace("\x00", "")[:200]
        for name, member in PROFILE_NAMES.items()
        if name in body
    }
    zone = parse_zone(request, body) if "timezone" in body or "timezonename" in body else None
    accounts.services.account_update(account=request.account, profile=profile, timezone=zone)
    return account_get(request)


def check_unchangeable_fields(request: ApiRequest, body: Json) -> None:
    """Raise ApiError (400) for fields that cannot be changed here, unless they have the present value."""
    email = parsers.parse_text(body.get("email")).strip().lower()
    if email and email != account_get(request)["email"].lower():
        raise build_parameter_error(
            "Email", "The e-mail address is how its owner logs in; it is not changed here.", email[:200]
        )
    if parse_boolean(body.get("redirectonly")):
        raise build_parameter_error(
            "RedirectOnly", "Redirecting without tracking is set on links and groups, not on the account."
        )
    if parse_optional_time(body.get("timeframemindate"), "TimeframeMinDate"):
        raise build_parameter_error(
            "TimeframeMinDate", "How far back numbers are seen is set on guests, not on the account."
        )


def plan_get(request: ApiRequest) -> Json:
    """Return the account's limits and what it has used this month."""
    request.require_manager()
    account, limits = request.account, request.account.limits
    start, end = find_current_month(request.now)
    row = link_statistics.query_totals(account, Period(start, end), [], request.now, ("clicks", "pixel_views"))
    own = Domain.objects.filter(account=account, deleted=None)
    result: Json = {
        "name": limits.get("plan", "Unlimited"),
        "recurring": True,
        "recurringPeriod": 1,
        "maximumDatapoints": get_account_limit(account, "datapoints"),
        "maximumGuests": get_account_limit(account, "guests"),
        "usedDatapoints": Datapoint.objects.filter(account=account).exclude(status=Status.DELETED).count(),
        "monthlyEvents": account.monthly_events or UNLIMITED_EVENTS,
        "profileId": account.pk,
        "billingPeriodStart": format_time(start),
        "billingPeriodEnd": format_time(end),
        "allowedPersonalUrls": PERSONAL_URLS,
        "allowedPersonalDomains": get_account_limit(account, "domains"),
    }
    return result | serializers.omit_empty(
        usedMonthlyEvents=int(row["clicks"] + row["pixel_views"]), usedPersonalDomains=own.count()
    )


# -- lists --------------------------------------------------------------------------------------------------------


def entry_list(listing: str) -> Handler:
    """Build the handler that lists one of the account's lists."""

    def handler(request: ApiRequest) -> Json:
        request.require_manager()
        offset, limit = request.get_page()
        rows = request.scope.entries().filter(listing=listing).order_by("pk")[offset : offset + limit]
        return {"entities": [serializers.serialize_entry(row) for row in rows]}

    return handler


def entry_create(listing: str) -> Handler:
    """Build the handler that adds an entry to a list."""

    def handler(request: ApiRequest) -> Json:
        request.require_manager()
        value = request.body.get("ip" if listing == ListKind.BLACKLIST else "name")
        return serializers.serialize_entry(
            list_services.entry_create(account=request.account, listing=listing, value=parsers.parse_text(value))
        )

    return handler


def entry_delete(listing: str) -> Handler:
    """Build the handler that deletes an entry of a list."""

    def handler(request: ApiRequest, **path: str) -> Json:
        request.require_manager()
        code = next(iter(path.values())).upper()
        row = request.scope.entries().filter(listing=listing, code=code).first()
        if row is None:
            raise build_not_found_error("entry")
        answer = serializers.serialize_entry(row)
        list_services.entry_delete(entry=row)
        return answer

    return handler
