"""The account, its plan, its lists, its guests and what they may see."""

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
from links.api.call import Call, truth, whole
from links.api.errors import invalid, missing
from links.api.frames import date14
from links.api.parse import moment_of
from links.models import Datapoint, Domain, Kind, Listing, Status
from reports.engine import Period

Json = dict[str, Any]
PROFILE = {"firstname": "firstName", "lastname": "lastName", "companyname": "companyName", "companyrole": "companyRole",
           "phone": "phone"}  # fmt: skip
UNLIMITED_EVENTS, PERSONAL_URLS = 1_000_000_000, 1000  # not limited here, but clients expect a number
MOUNTAIN = 82  # the one number of the old server's table that is known


def zones() -> list[str]:
    """Time zones by number: IANA's in order of their names, with the one known number in its place."""
    names = sorted(
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix", "right"))
    )
    names = ["UTC", *names]
    at = names.index("America/Denver")
    names[at], names[MOUNTAIN] = names[MOUNTAIN], names[at]
    return names


ZONES = zones()
NUMBERS = {name: number for number, name in enumerate(ZONES)}


# -- the account --------------------------------------------------------------------------------------------------


def account_get(call: Call) -> Json:
    """The account as its master sees it; a guest sees themselves."""
    account, member = call.account, call.sight.membership
    user = member.user if member.pk else owner_of(account)
    name = user.name if user is not None and member.accepted else ""
    profile = account.profile if not call.sight.guest else {"firstName": name or guest_name(member)}
    found: Json = {
        "email": user.email if user else "", "firstName": profile.get("firstName") or name,
        "registrationDate": date14(account.created), "timezone": NUMBERS.get(account.timezone, 0),
        "timezonename": tz_win.get(account.timezone, account.timezone),
        "boGoVal": quote(base64.b64encode(f"{account.pk}".encode()).decode(), safe=""),
    }  # fmt: skip
    return found | wire.lean(
        **{name: profile.get(name) for name in ("lastName", "companyName", "companyRole", "phone")}
    )


def account_post(call: Call) -> Json:
    call.only_master()
    body = call.body
    check_unchangeable_fields(call, body)
    profile = {
        kept: parse.text_of(body[name]).replace("\x00", "")[:200] for name, kept in PROFILE.items() if name in body
    }
    zone = zone_of(call, body) if "timezone" in body or "timezonename" in body else None
    belongings.profile_update(account=call.account, profile=profile, timezone=zone)
    return account_get(call)


def check_unchangeable_fields(call: Call, body: Json) -> None:
    """Raise Failure (400) for fields that cannot be changed here, unless they have the present value."""
    email = parse.text_of(body.get("email")).strip().lower()
    if email and email != account_get(call)["email"].lower():
        raise invalid("Email", "The e-mail address is how its owner logs in; it is not changed here.", email[:200])
    if truth(body.get("redirectonly")):
        raise invalid("RedirectOnly", "Redirecting without tracking is set on links and groups, not on the account.")
    if moment_of(body.get("timeframemindate"), "TimeframeMinDate"):
        raise invalid("TimeframeMinDate", "How far back numbers are seen is set on guests, not on the account.")


def zone_of(call: Call, body: Json) -> str:
    """The IANA zone of a number, an IANA name or a Windows name. Raises Failure (400)."""
    number = whole(body.get("timezone"), -1)
    said = parse.text_of(body.get("timezonename") or body.get("timezone"))
    present = call.account.timezone
    named = present if said == tz_win.get(present) else win_tz.get(said, said)  # a Windows name stands for many zones
    name = ZONES[number] if 0 <= number < len(ZONES) else named
    if name not in NUMBERS:
        raise invalid("TimeZone", "There is no such time zone.", name[:60])
    return name


def plan(call: Call) -> Json:
    """What the account may have and has used this month."""
    call.only_master()
    account, limits = call.account, call.account.limits
    start = call.now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (start + timedelta(days=32)).replace(day=1)
    row = stats.totals(account, Period(start, end), [], call.now, ("clicks", "pixel_views"))
    own = Domain.objects.filter(account=account, deleted=None)
    found: Json = {
        "name": limits.get("plan", "Unlimited"), "recurring": True, "recurringPeriod": 1,
        "maximumDatapoints": account_limit(account, "datapoints"), "maximumGuests": account_limit(account, "guests"),
        "usedDatapoints": Datapoint.objects.filter(account=account).exclude(status=Status.DELETED).count(),
        "monthlyEvents": account.monthly_events or UNLIMITED_EVENTS, "profileId": account.pk,
        "billingPeriodStart": date14(start), "billingPeriodEnd": date14(end),
        "allowedPersonalUrls": PERSONAL_URLS, "allowedPersonalDomains": account_limit(account, "domains"),
    }  # fmt: skip
    return found | wire.lean(usedMonthlyEvents=int(row["clicks"] + row["pixel_views"]), usedPersonalDomains=own.count())


# -- lists --------------------------------------------------------------------------------------------------------


def entry_list(listing: str) -> Any:
    def handler(call: Call) -> Json:
        call.only_master()
        offset, limit = call.page()
        rows = call.sight.entries().filter(listing=listing).order_by("pk")[offset : offset + limit]
        return {"entities": [wire.entry(row) for row in rows]}

    return handler


def entry_create(listing: str) -> Any:
    def handler(call: Call) -> Json:
        call.only_master()
        value = call.body.get("ip" if listing == Listing.BLACKLIST else "name")
        return wire.entry(belongings.entry_create(account=call.account, listing=listing, value=parse.text_of(value)))

    return handler


def entry_delete(listing: str) -> Any:
    def handler(call: Call, **path: str) -> Json:
        call.only_master()
        code = next(iter(path.values())).upper()
        row = call.sight.entries().filter(listing=listing, code=code).first()
        if row is None:
            raise missing("entry")
        answer = wire.entry(row)
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


def guest_name(row: Membership) -> str:
    """The name that the account gave its guest, else the user's name if the guest has accepted."""
    return str(row.options.get("guestName") or (row.user.name if row.accepted else ""))


def guest_rows(call: Call) -> QuerySet[Membership]:
    call.only_master()
    rows = Membership.objects.filter(account=call.account, role=Role.GUEST).select_related("user", "account")
    rows = rows.annotate(guest_name=GUEST_NAME)
    if search := entities.search_text(call):
        rows = rows.filter(Q(user__email__icontains=search) | Q(guest_name__icontains=search))
    sign = "-" if call.word("sortDirection", ("", "asc", "desc")) == "desc" else ""
    column = {"email": "user__email", "name": "guest_name", "username": "user__email"}.get(
        call.text("sortBy").lower(), "pk"
    )
    return rows.order_by(f"{sign}{column}", "pk")


def guest_of(call: Call, number: int) -> Membership:
    row = guest_rows(call).filter(pk=number).first()
    if row is None:
        raise missing("guest")
    return row


def guest_json(row: Membership) -> Json:
    """A guest as the account sees them; of a pending guest only what the account wrote."""
    return guests_json([row])[0]


def guests_json(rows: list[Membership]) -> list[Json]:
    """Guests as the account sees them; their grants are read in one query."""
    prefetch_related_objects(rows, "grants")
    granted = Grant.objects.filter(membership__in=rows, kind="datapoint").values("object_id")
    accounts = {row.account_id for row in rows}
    kinds = dict(Datapoint.objects.filter(account__in=accounts, pk__in=granted).values_list("pk", "kind"))
    return [one_guest(row, kinds) for row in rows]


def one_guest(row: Membership, kinds: dict[int, int]) -> Json:
    """One guest; the password is nowhere readable. `kinds`: link or pixel, by number."""
    options = row.options
    grants = [(grant.kind, grant.object_id) for grant in row.grants.all()]
    shared = [kinds[number] for kind, number in grants if kind == "datapoint" and number in kinds]
    pixels = shared.count(Kind.PIXEL)
    found: Json = {
        "apiKey": row.authkey, "id": row.pk, "name": guest_name(row), "email": row.user.email,
        "timeZone": options.get("timeZone") or NUMBERS.get(row.account.timezone, 0), "notes": options.get("notes", ""),
        "creationDate": date14(row.created), "key": base64.b64encode(row.authkey.encode()).decode(),
        "language": options.get("language") or "en-US", "dateFormat": options.get("dateFormat") or "dd/MM/yyyy",
        "decimalSeparator": options.get("decimalSeparator") or ".",
        "numberGroupSeparator": options.get("numberGroupSeparator") or ",",
        "userName": options.get("userName") or row.user.email,
        "extendedGrants": wire.lean(**options.get("extendedGrants", {})),
    }  # fmt: skip
    return found | wire.lean(
        timeFormat=options.get("timeFormat", 1), groupGrants=sum(kind == "group" for kind, _ in grants),
        tlGrants=len(shared) - pixels, tpGrants=pixels, timeframeMinDate=options.get("timeframeMinDate"),
        hitOptions=wire.lean(**options.get("hitOptions", {})),
        conversionOptions=wire.lean(**options.get("conversionOptions", {})),
    )  # fmt: skip


def guest_list(call: Call) -> Json:
    return entities.listed(call, guest_rows(call), "account/guests", guests_json, ())


def guest_count(call: Call) -> Json:
    return entities.counted(guest_rows(call))


CAMEL = {name.lower(): name for name in (*guests.TEXTS, *guests.NUMBERS, *guests.FLAGS)}
INNER = {name.lower(): name for names in guests.FLAGS.values() for name in names} | {
    name.lower(): name for name in guests.PERCENTS
}


def guest_options(body: Json) -> Json:
    """Lower-case members of a body under the names they are kept by."""
    found: Json = {}
    for name, value in body.items():
        kept = CAMEL.get(name)
        if kept in guests.FLAGS:
            inner = parse.object_of(value)
            found[kept] = {
                INNER[one]: whole(told) if INNER[one] in guests.PERCENTS else str(told).lower() in ("true", "1")
                for one, told in inner.items()
                if one in INNER
            }
        elif kept == "timeFormat":
            found[kept] = 0 if str(value).lower() in ("ampm", "0") else 1
        elif kept in guests.NUMBERS:
            found[kept] = whole(value)
        elif kept == "timeframeMinDate":
            found[kept] = parse.text_of(value).strip() if moment_of(value, "TimeframeMinDate") else ""
        elif kept:
            found[kept] = parse.text_of(value)
    return found


def guest_create(call: Call) -> Json:
    """Invite a guest by mail. A password in the body is ignored, since only the person may choose one."""
    call.only_master()
    body, by = call.body, call.sight.membership
    made, invitation = guests.guest_invite(
        account=call.account, by=by, email=parse.text_of(body.get("email") or body.get("username")),
        name=parse.text_of(body.get("name")), options=guest_options(body),
    )  # fmt: skip
    inviter = by.user if by.user_id else call.account
    transaction.on_commit(partial(mail_invitation, invitation, inviter))
    return guest_json(made)


def guest_get(call: Call, guestId: int) -> Json:
    return guest_json(guest_of(call, guestId))


def guest_update(call: Call, guestId: int) -> Json:
    row = guest_of(call, guestId)
    name = parse.text_of(call.body["name"]) if "name" in call.body else None
    return guest_json(guests.guest_update(guest=row, name=name, options=guest_options(call.body)))


def guest_delete(call: Call, guestId: int) -> Json:
    guests.guest_delete(guest=guest_of(call, guestId), by=call.sight.membership)
    return wire.uri("account/guests", guestId)


# -- permissions --------------------------------------------------------------------------------------------------


def grants(call: Call, guest: Membership) -> QuerySet[Grant]:
    rows = guest.grants.filter(kind__in=("group", "datapoint")).order_by("pk")
    if kind := call.word("entityType", ("", "datapoint", "group")):
        rows = rows.filter(kind=kind)
    if right := call.word("type", ("", "r", "w", "rw")):
        rows = rows.filter(right=Right.READ if right == "r" else Right.WRITE)
    number = call.number("entityId")
    return rows.filter(object_id=number) if number else rows


def grants_json(call: Call, rows: list[Grant]) -> list[Json]:
    """Grants with the names of their objects, which are read in one query per kind."""
    groups = call.sight.all_groups().in_bulk([row.object_id for row in rows if row.kind == "group"])
    links = call.sight.datapoints().in_bulk([row.object_id for row in rows if row.kind == "datapoint"])
    objects: dict[str, Any] = {"group": groups, "datapoint": links}
    return [grant_json(row, objects[row.kind].get(row.object_id)) for row in rows]


def grant_json(row: Grant, thing: Any) -> Json:
    """The old server writes these members with capitals."""
    found: Json = {
        "Entity": wire.uri("groups" if row.kind == "group" else "datapoints", row.object_id),
        "EntityName": str(thing or ""), "EntityType": "Group" if row.kind == "group" else "Datapoint",
        "Type": "Write" if row.right == Right.WRITE else "Read",
    }  # fmt: skip
    if row.kind == "datapoint" and thing is not None:
        found["DatapointType"] = wire.TYPES[Kind(thing.kind)]
    return found


def permission_list(call: Call, guestId: int) -> Json:
    offset, limit = call.page()
    return {"entities": grants_json(call, list(grants(call, guest_of(call, guestId))[offset : offset + limit]))}


def permission_count(call: Call, guestId: int) -> Json:
    return entities.counted(grants(call, guest_of(call, guestId)))


def permission_patch(call: Call, guestId: int, type: str) -> Json:
    """Add or remove a right; the answer names the shared object."""
    guest, kind = guest_of(call, guestId), type.lower()
    if kind not in ("group", "datapoint"):
        raise missing()
    number = whole(call.body.get("id"))
    row: Any = entities.group(call, number) if kind == "group" else entities.datapoint(call, number)
    action = parse.text_of(call.body.get("action")).lower()
    verb = parse.text_of(call.body.get("verb") or "r").lower()
    if action not in ("add", "remove"):
        raise invalid("Action", "Action is add or remove.", action)
    if verb not in ("r", "rw", "w"):
        raise invalid("Verb", "Verb is r or rw.", verb)
    right = None if action == "remove" else Right.READ if verb == "r" else Right.WRITE
    grant_set(membership=guest, kind=kind, object_id=row.pk, right=right)
    return wire.uri("groups" if kind == "group" else "datapoints", row.pk)
