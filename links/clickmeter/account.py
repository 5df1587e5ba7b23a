"""Operations on the account, its plan and its two lists."""

from __future__ import annotations

import base64
from urllib.parse import quote

from django.db.models import QuerySet
from rest_framework.response import Response
from tzlocal.windows_tz import tz_win

import accounts.services
from accounts.account_limits import get_account_limit, get_event_quota
from accounts.plans.months import find_current_month
from accounts.selectors import find_owner
from links import link_statistics
from links.clickmeter.answers import PlanSerializer, ProfileSerializer
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.api_view import IsManager, IsManagerOrReadOnly, OperationViews
from links.clickmeter.errors import build_not_found_error, build_parameter_error
from links.clickmeter.guests import format_guest_name
from links.clickmeter.lenient_serializer import LenientSerializer, write_answer
from links.clickmeter.row_views import RowViews
from links.clickmeter.serializers import AddressEntrySerializer, EntrySerializer
from links.clickmeter.times import ZONE_NUMBERS, parse_zone
from links.clickmeter.values import Json, parse_boolean, parse_optional_time, parse_text
from links.models import Datapoint, Domain, ListEntry, ListKind, Status
from links.services import scripts_and_lists as list_services
from reports.query import Period

PROFILE_NAMES = ("firstName", "lastName", "companyName", "companyRole", "phone")
UNLIMITED_EVENTS, PERSONAL_URLS = 1_000_000_000, 1000  # not limited here, but clients expect a number


class AccountViews(OperationViews):
    serializer_class = ProfileSerializer
    answers = {"update": ProfileSerializer}
    permission_classes = (IsManagerOrReadOnly,)
    what = "account"

    def retrieve(self, request: ApiRequest) -> Json:
        return serialize_account(request)

    def update(self, request: ApiRequest) -> Json:
        body = request.members
        check_unchangeable_fields(request, body)
        texts = self.read(ProfileSerializer)
        profile = {name: texts[name].replace("\x00", "")[:200] for name in PROFILE_NAMES if name in texts}
        zone = parse_zone(request, body) if "timezone" in body or "timezonename" in body else None
        accounts.services.account_update(account=request.account, profile=profile, timezone=zone)
        return serialize_account(request)


class PlanViews(OperationViews):
    serializer_class = PlanSerializer
    permission_classes = (IsManager,)
    what = "plan"

    def retrieve(self, request: ApiRequest) -> Json:
        """Return the account's limits and what it has used this month."""
        account = request.account
        start, end = find_current_month(request.now)
        row = link_statistics.query_totals(account, Period(start, end), [], request.now, ("clicks", "pixel_views"))
        own = Domain.objects.filter(account=account, deleted=None)
        return write_answer(PlanSerializer, {
            "name": account.plan.name if account.plan else "Unlimited",
            "recurring": True,
            "recurringPeriod": 1,
            "maximumDatapoints": get_account_limit(account, "datapoints"),
            "maximumGuests": get_account_limit(account, "guests"),
            "usedDatapoints": Datapoint.objects.filter(account=account).exclude(status=Status.DELETED).count(),
            "monthlyEvents": get_event_quota(account) or UNLIMITED_EVENTS,
            "profileId": account.pk,
            "billingPeriodStart": start,
            "billingPeriodEnd": end,
            "allowedPersonalUrls": PERSONAL_URLS,
            "allowedPersonalDomains": get_account_limit(account, "domains"),
            "usedMonthlyEvents": int(row["clicks"] + row["pixel_views"]),
            "usedPersonalDomains": own.count(),
        })  # fmt: skip


class EntryViews(RowViews[ListEntry]):
    """The entries of one of the account's two lists, whose ids are codes."""

    what, nouns = "entry", "domains that links may lead to"
    serializer_class: type[LenientSerializer] = EntrySerializer
    answers = dict.fromkeys(("list", "create", "destroy"), EntrySerializer)
    permission_classes = (IsManager,)
    listing = ListKind.WHITELIST

    def get_queryset(self) -> QuerySet[ListEntry]:
        return self.request.scope.entries().filter(listing=self.listing)

    def list(self, request: ApiRequest) -> Response:
        page = self.paginate_queryset(self.get_queryset().order_by("pk")) or []
        return self.get_paginated_response(self.serialize(page))

    def create(self, request: ApiRequest) -> Json:
        entry = list_services.entry_create(
            account=request.account, listing=self.listing, value=self.read_fields().get("value", "")
        )
        return self.serialize_row(entry)

    def destroy(self, request: ApiRequest, **path: object) -> Json:
        """Delete an entry; the response is what it was."""
        row = self.get_queryset().filter(code=str(next(iter(path.values()))).upper()).first()
        if row is None:
            raise build_not_found_error(self.what)
        answer = self.serialize_row(row)
        list_services.entry_delete(entry=row)
        return answer


class BlacklistViews(EntryViews):
    nouns = "addresses that are not counted"
    serializer_class = AddressEntrySerializer
    answers = dict.fromkeys(("list", "create", "destroy"), AddressEntrySerializer)
    listing = ListKind.BLACKLIST


def serialize_account(request: ApiRequest) -> Json:
    """Serialize the account; a guest gets their own data instead."""
    account, member = request.account, request.scope.membership
    user = member.user if member.pk else find_owner(account)
    name = user.name if user is not None and member.accepted else ""
    profile = account.profile if not request.scope.is_guest else {"firstName": name or format_guest_name(member)}
    return write_answer(ProfileSerializer, {
        **{name: profile.get(name) for name in PROFILE_NAMES},
        "email": user.email if user else "", "firstName": profile.get("firstName") or name,
        "registrationDate": account.created, "timezone": ZONE_NUMBERS.get(account.timezone, 0),
        "timezonename": tz_win.get(account.timezone, account.timezone),
        "boGoVal": quote(base64.b64encode(f"{account.pk}".encode()).decode(), safe=""),
    })  # fmt: skip


def check_unchangeable_fields(request: ApiRequest, body: Json) -> None:
    """Raise ApiError (400) for fields that cannot be changed here, unless they have the present value."""
    email = parse_text(body.get("email")).strip().lower()
    if email and email != serialize_account(request)["email"].lower():
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
