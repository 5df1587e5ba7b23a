"""Operations on the account, its plan, its lists, its guests and their grants."""

from __future__ import annotations

import base64
from datetime import UTC, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote
from zoneinfo import available_timezones

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, TextField, Value, When, prefetch_related_objects
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, NullIf
from tzlocal.windows_tz import tz_win, win_tz

from accounts.access import owner_of
from accounts.invitations import mail_invitation
from accounts.limits import account_limit
from accounts.models import Grant, Membership, Right, Role
from accounts.services import grant_set
from links import belongings, guests, stats
from links.api import entities, parse, wire
from links.api.call import ApiRequest, parse_boolean, parse_integer
from links.api.errors import invalid, not_found
from links.api.frames import format_time
from links.api.parse import parse_optional_time
from links.models import Datapoint, Domain, Kind, Listing, Status
from reports.engine import Period

Json = dict[str, Any]
PROFILE_NAMES = {
    "firstname": "firstName", "lastname": "lastName", "companyname": "companyName", "companyrole": "companyRole",
    "phone": "phone",
}  # fmt: skip
UNLIMITED_EVENTS, PERSONAL_URLS = 1_000_000_000, 1000  # not limited here, but clients expect a number
DENVER_NUMBER = 82  # the one number of the old server's table that is known


def list_zones() -> list[str]:
    """List the time zones by ClickMeter's numbers: IANA's by name, except the one number that is documented."""
    names = sorted(
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix", "right"))
    )
    names = ["UTC", *names]
    at = names.index("America/Denver")
    names[at], names[DENVER_NUMBER] = names[DENVER_NUMBER], names[at]
    return names


ZONES = list_zones()
ZONE_NUMBERS = {name: number for number, name in enumerate(ZONES)}


# -- the account --------------------------------------------------------------------------------------------------


def account_get(request: ApiRequest) -> Json:
    """Serialize the account; a guest gets their own data instead."""
    account, member = request.account, request.scope.membership
    user = member.user if member.pk else owner_of(account)
    name = user.name if user is not None and member.accepted else ""
    profile = account.profile if not request.scope.is_guest else {"firstName": name or format_guest_name(member)}
    result: Json = {
        "email": user.email if user else "", "firstName": profile.get("firstName") or name,
        "registrationDate": format_time(account.created), "timezone": ZONE_NUMBERS.get(account.timezone, 0),
        "timezonename": tz_win.get(account.timezone, account.timezone),
        "boGoVal": quote(base64.b64encode(f"{account.pk}".encode()).decode(), safe=""),
    }  # fmt: skip
    return result | wire.omit_empty(
        **{name: profile.get(name) for name in ("lastName", "companyName", "companyRole", "phone")}
    )


def account_update(request: ApiRequest) -> Json:
    request.require_manager()
    body = request.body
    check_unchangeable_fields(request, body)
    profile = {
        member: parse.parse_text(body[name]).replace("\x00", "")[:200]
        for name, member in PROFILE_NAMES.items()
        if name in body
    }
    zone = parse_zone(request, body) if "timezone" in body or "timezonename" in body else None
    belongings.profile_update(account=request.account, profile=profile, timezone=zone)
    return account_get(request)


def check_unchangeable_fields(request: ApiRequest, body: Json) -> None:
    """Raise Failure (400) for fields that cannot be changed here, unless they have the present value."""
    email = parse.parse_text(body.get("email")).strip().lower()
    if email and email != account_get(request)["email"].lower():
        raise invalid("Email", "The e-mail address is how its owner logs in; it is not changed here.", email[:200])
    if parse_boolean(body.get("redirectonly")):
        raise invalid("RedirectOnly", "Redirecting without tracking is set on links and groups, not on the account.")
    if parse_optional_time(body.get("timeframemindate"), "TimeframeMinDate"):
        raise invalid("TimeframeMinDate", "How far back numbers are seen is set on guests, not on the account.")


def parse_zone(request: ApiRequest, body: Json) -> str:
    """Parse a time zone: a number, an IANA name or a Windows name. Raises Failure (400)."""
    number = parse_integer(body.get("timezone"), -1)
    requested = parse.parse_text(body.get("timezonename") or body.get("timezone"))
    present = request.account.timezone
    zone_name = (
        present if requested == tz_win.get(present) else win_tz.get(requested, requested)
    )  # a Windows name stands for many zones
    name = ZONES[number] if 0 <= number < len(ZONES) else zone_name
    if name not in ZONE_NUMBERS:
        raise invalid("TimeZone", "There is no such time zone.", name[:60])
    return name


def plan(request: ApiRequest) -> Json:
    """Return the account's limits and what it has used this month."""
    request.require_manager()
    account, limits = request.account, request.account.limits
    start = request.now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (start + timedelta(days=32)).replace(day=1)
    row = stats.query_totals(account, Period(start, end), [], request.now, ("clicks", "pixel_views"))
    own = Domain.objects.filter(account=account, deleted=None)
    result: Json = {
        "name": limits.get("plan", "Unlimited"), "recurring": True, "recurringPeriod": 1,
        "maximumDatapoints": account_limit(account, "datapoints"), "maximumGuests": account_limit(account, "guests"),
        "usedDatapoints": Datapoint.objects.filter(account=account).exclude(status=Status.DELETED).count(),
        "monthlyEvents": account.monthly_events or UNLIMITED_EVENTS, "profileId": account.pk,
        "billingPeriodStart": format_time(start), "billingPeriodEnd": format_time(end),
        "allowedPersonalUrls": PERSONAL_URLS, "allowedPersonalDomains": account_limit(account, "domains"),
    }  # fmt: skip
    return result | wire.omit_empty(
        usedMonthlyEvents=int(row["clicks"] + row["pixel_views"]), usedPersonalDomains=own.count()
    )


# -- lists --------------------------------------------------------------------------------------------------------


def entry_list(listing: str) -> Any:
    """Build the handler that lists one of the account's lists."""

    def handler(request: ApiRequest) -> Json:
        request.require_manager()
        offset, limit = request.get_page()
        rows = request.scope.entries().filter(listing=listing).order_by("pk")[offset : offset + limit]
        return {"entities": [wire.serialize_entry(row) for row in rows]}

    return handler


def entry_create(listing: str) -> Any:
    """Build the handler that adds an entry to a list."""

    def handler(request: ApiRequest) -> Json:
        request.require_manager()
        value = request.body.get("ip" if listing == Listing.BLACKLIST else "name")
        return wire.serialize_entry(
            belongings.entry_create(account=request.account, listing=listing, value=parse.parse_text(value))
        )

    return handler


def entry_delete(listing: str) -> Any:
    """Build the handler that deletes an entry of a list."""

    def handler(request: ApiRequest, **path: str) -> Json:
        request.require_manager()
        code = next(iter(path.values())).upper()
        row = request.scope.entries().filter(listing=listing, code=code).first()
        if row is None:
            raise not_found("entry")
        answer = wire.serialize_entry(row)
        belongings.entry_delete(entry=row)
        return answer

    return handler


# -- guests -------------------------------------------------------------------------------------------------------


# `guest_name` as a database expression, so that search and sorting do not reveal the name of a pending guest's user
GUEST_NAME = Coalesce(
    NullIf(KT("options__guestName"), Value("")),
    Case(When(accepted=None, then=Value("")), default=F("user__name")),
    output_field=TextField(),
)


def format_guest_name(row: Membership) -> str:
    """Return the name that the account gave its guest, else the user's name if the guest has accepted."""
    return str(row.options.get("guestName") or (row.user.name if row.accepted else ""))


def filter_guests(request: ApiRequest) -> QuerySet[Membership]:
    """Filter and order the account's guests. Raises Failure (403) for guests."""
    request.require_manager()
    rows = Membership.objects.filter(account=request.account, role=Role.GUEST).select_related("user", "account")
    rows = rows.annotate(guest_name=GUEST_NAME)
    if search := entities.parse_search(request):
        rows = rows.filter(Q(user__email__icontains=search) | Q(guest_name__icontains=search))
    sign = "-" if request.get_choice("sortDirection", ("", "asc", "desc")) == "desc" else ""
    column = {"email": "user__email", "name": "guest_name", "username": "user__email"}.get(
        request.get_text("sortBy").lower(), "pk"
    )
    return rows.order_by(f"{sign}{column}", "pk")


def find_guest(request: ApiRequest, number: int) -> Membership:
    """Find a guest of the account. Raises Failure (404)."""
    row = filter_guests(request).filter(pk=number).first()
    if row is None:
        raise not_found("guest")
    return row


def serialize_guest(row: Membership) -> Json:
    """Serialize one guest; a pending one only with what the account wrote."""
    return serialize_guests([row])[0]


def serialize_guests(rows: list[Membership]) -> list[Json]:
    """Serialize guests; their grants are read in one query."""
    prefetch_related_objects(rows, "grants")
    granted = Grant.objects.filter(membership__in=rows, kind="datapoint").values("object_id")
    accounts = {row.account_id for row in rows}
    kinds = dict(Datapoint.objects.filter(account__in=accounts, pk__in=granted).values_list("pk", "kind"))
    return [serialize_guest_row(row, kinds) for row in rows]


def serialize_guest_row(row: Membership, kinds: dict[int, int]) -> Json:
    """Serialize a guest, never with a password. `kinds`: link or pixel, by id."""
    options = row.options
    grants = [(grant.kind, grant.object_id) for grant in row.grants.all()]
    shared = [kinds[number] for kind, number in grants if kind == "datapoint" and number in kinds]
    pixels = shared.count(Kind.PIXEL)
    result: Json = {
        "apiKey": row.authkey, "id": row.pk, "name": format_guest_name(row), "email": row.user.email,
        "timeZone": options.get("timeZone") or ZONE_NUMBERS.get(row.account.timezone, 0),
        "notes": options.get("notes", ""),
        "creationDate": format_time(row.created), "key": base64.b64encode(row.authkey.encode()).decode(),
        "language": options.get("language") or "en-US", "dateFormat": options.get("dateFormat") or "dd/MM/yyyy",
        "decimalSeparator": options.get("decimalSeparator") or ".",
        "numberGroupSeparator": options.get("numberGroupSeparator") or ",",
        "userName": options.get("userName") or row.user.email,
        "extendedGrants": wire.omit_empty(**options.get("extendedGrants", {})),
    }  # fmt: skip
    return result | wire.omit_empty(
        timeFormat=options.get("timeFormat", 1), groupGrants=sum(kind == "group" for kind, _ in grants),
        tlGrants=len(shared) - pixels, tpGrants=pixels, timeframeMinDate=options.get("timeframeMinDate"),
        hitOptions=wire.omit_empty(**options.get("hitOptions", {})),
        conversionOptions=wire.omit_empty(**options.get("conversionOptions", {})),
    )  # fmt: skip


def guest_list(request: ApiRequest) -> Json:
    return entities.list_page(request, filter_guests(request), "account/guests", serialize_guests, ())


def guest_count(request: ApiRequest) -> Json:
    return entities.count_rows(filter_guests(request))


OPTION_NAMES = {name.lower(): name for name in (*guests.TEXT_OPTIONS, *guests.NUMBER_OPTIONS, *guests.FLAG_OPTIONS)}
INNER_OPTION_NAMES = {name.lower(): name for names in guests.FLAG_OPTIONS.values() for name in names} | {
    name.lower(): name for name in guests.PERCENT_OPTIONS
}


def parse_guest_options(body: Json) -> Json:
    """Parse the lower-case members of a body into a guest's options."""
    options: Json = {}
    for name, value in body.items():
        option = OPTION_NAMES.get(name)
        if option in guests.FLAG_OPTIONS:
            inner = parse.as_object(value)
            options[option] = {
                INNER_OPTION_NAMES[member]: parse_integer(setting)
                if INNER_OPTION_NAMES[member] in guests.PERCENT_OPTIONS
                else str(setting).lower() in ("true", "1")
                for member, setting in inner.items()
                if member in INNER_OPTION_NAMES
            }
        elif option == "timeFormat":
            options[option] = 0 if str(value).lower() in ("ampm", "0") else 1
        elif option in guests.NUMBER_OPTIONS:
            options[option] = parse_integer(value)
        elif option == "timeframeMinDate":
            options[option] = parse.parse_text(value).strip() if parse_optional_time(value, "TimeframeMinDate") else ""
        elif option:
            options[option] = parse.parse_text(value)
    return options


def guest_create(request: ApiRequest) -> Json:
    """Invite a guest by mail. A password in the body is ignored, since only the person may choose one."""
    request.require_manager()
    body, by = request.body, request.scope.membership
    guest, invitation = guests.guest_invite(
        account=request.account, by=by, email=parse.parse_text(body.get("email") or body.get("username")),
        name=parse.parse_text(body.get("name")), options=parse_guest_options(body),
    )  # fmt: skip
    inviter = by.user if by.user_id else request.account
    transaction.on_commit(partial(mail_invitation, invitation, inviter))
    return serialize_guest(guest)


def guest_get(request: ApiRequest, guestId: int) -> Json:
    return serialize_guest(find_guest(request, guestId))


def guest_update(request: ApiRequest, guestId: int) -> Json:
    row = find_guest(request, guestId)
    name = parse.parse_text(request.body["name"]) if "name" in request.body else None
    return serialize_guest(guests.guest_update(guest=row, name=name, options=parse_guest_options(request.body)))


def guest_delete(request: ApiRequest, guestId: int) -> Json:
    guests.guest_delete(guest=find_guest(request, guestId), by=request.scope.membership)
    return wire.build_reference("account/guests", guestId)


# -- permissions --------------------------------------------------------------------------------------------------


def filter_grants(request: ApiRequest, guest: Membership) -> QuerySet[Grant]:
    """Filter a guest's grants by the request's parameters."""
    rows = guest.grants.filter(kind__in=("group", "datapoint")).order_by("pk")
    if kind := request.get_choice("entityType", ("", "datapoint", "group")):
        rows = rows.filter(kind=kind)
    if right := request.get_choice("type", ("", "r", "w", "rw")):
        rows = rows.filter(right=Right.READ if right == "r" else Right.WRITE)
    number = request.get_number("entityId")
    return rows.filter(object_id=number) if number else rows


def serialize_grants(request: ApiRequest, rows: list[Grant]) -> list[Json]:
    """Serialize grants with the names of their objects, which are read in one query per kind."""
    groups = request.scope.all_groups().in_bulk([row.object_id for row in rows if row.kind == "group"])
    links = request.scope.datapoints().in_bulk([row.object_id for row in rows if row.kind == "datapoint"])
    objects: dict[str, Any] = {"group": groups, "datapoint": links}
    return [serialize_grant(row, objects[row.kind].get(row.object_id)) for row in rows]


def serialize_grant(row: Grant, target: Any) -> Json:
    """Serialize a grant; ClickMeter capitalizes these members."""
    result: Json = {
        "Entity": wire.build_reference("groups" if row.kind == "group" else "datapoints", row.object_id),
        "EntityName": str(target or ""), "EntityType": "Group" if row.kind == "group" else "Datapoint",
        "Type": "Write" if row.right == Right.WRITE else "Read",
    }  # fmt: skip
    if row.kind == "datapoint" and target is not None:
        result["DatapointType"] = wire.TYPE_NAMES[Kind(target.kind)]
    return result


def permission_list(request: ApiRequest, guestId: int) -> Json:
    offset, limit = request.get_page()
    return {
        "entities": serialize_grants(
            request, list(filter_grants(request, find_guest(request, guestId))[offset : offset + limit])
        )
    }


def permission_count(request: ApiRequest, guestId: int) -> Json:
    return entities.count_rows(filter_grants(request, find_guest(request, guestId)))


def permission_patch(request: ApiRequest, guestId: int, type: str) -> Json:
    """Add or remove a right; the response names the shared object."""
    guest, kind = find_guest(request, guestId), type.lower()
    if kind not in ("group", "datapoint"):
        raise not_found()
    number = parse_integer(request.body.get("id"))
    row: Any = entities.find_group(request, number) if kind == "group" else entities.find_datapoint(request, number)
    action = parse.parse_text(request.body.get("action")).lower()
    verb = parse.parse_text(request.body.get("verb") or "r").lower()
    if action not in ("add", "remove"):
        raise invalid("Action", "Action is add or remove.", action)
    if verb not in ("r", "rw", "w"):
        raise invalid("Verb", "Verb is r or rw.", verb)
    right = None if action == "remove" else Right.READ if verb == "r" else Right.WRITE
    grant_set(membership=guest, kind=kind, object_id=row.pk, right=right)
    return wire.build_reference("groups" if kind == "group" else "datapoints", row.pk)
