"""Operations on guests and their grants."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django.db import models, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When, prefetch_related_objects
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, NullIf
from rest_framework.response import Response

from accounts.audit.repetition import record_shown
from accounts.models import Grant, Membership, Right, Role
from accounts.services import grant_set
from accounts.services.invitation_mails import mail_invitation
from links.clickmeter import selectors
from links.clickmeter.answers import GrantedRightSerializer
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.api_view import IsManager
from links.clickmeter.errors import build_not_found_error, build_parameter_error
from links.clickmeter.fields import TYPE_NAMES, FlagField, NameOrNumberField, NumberField, TextField, TimeField
from links.clickmeter.lenient_serializer import ObjectSerializer, omit_empty, write_answer
from links.clickmeter.parameters import GRANT_KIND, GRANT_TYPE
from links.clickmeter.patches import PermissionPatchSerializer
from links.clickmeter.row_views import RowViews
from links.clickmeter.times import ZONE_NUMBERS
from links.clickmeter.values import Json, parse_optional_time, parse_text
from links.models import Datapoint, DatapointKind, Group
from links.services import guests as guest_services

# `guest_name` as a database expression, so that search and sorting do not reveal the name of a pending guest's user
GUEST_NAME = Coalesce(
    NullIf(KT("options__guestName"), Value("")),
    Case(When(accepted=None, then=Value("")), default=F("user__name")),
    output_field=models.TextField(),
)


DEFAULT_OPTIONS: Json = {
    "notes": "", "language": "en-US", "dateFormat": "dd/MM/yyyy", "decimalSeparator": ".",
    "numberGroupSeparator": ",", "timeFormat": 1, "extendedGrants": {},
}  # fmt: skip


class HitOptionsSerializer(ObjectSerializer):
    is_response_only = False

    hideReferrer = FlagField()


class ConversionOptionsSerializer(ObjectSerializer):
    is_response_only = False

    hideCount = FlagField()
    hideValue = FlagField()
    hideCost = FlagField()
    hideComCost = FlagField()
    hideParams = FlagField()
    percentValue = NumberField()
    percentCommission = NumberField()


class ExtendedGrantsSerializer(ObjectSerializer):
    is_response_only = False

    allowAllGrants = FlagField()
    allowGroupCreation = FlagField()


class TimeFormatField(NameOrNumberField):
    def to_internal_value(self, data: object) -> int:  # type: ignore[override]
        return 0 if str(data).lower() in ("ampm", "0") else 1


class FirstDayField(TextField):
    """The first day that a guest sees, stored as it was sent."""

    def to_internal_value(self, data: object) -> str:
        return parse_text(data).strip() if parse_optional_time(data, "TimeframeMinDate") else ""


class GuestSerializer(ObjectSerializer):
    """A guest: what is read are their options. A password is never written, since only the person may choose one."""

    is_response_only = False
    always_written = frozenset({
        "apiKey", "id", "name", "email", "timeZone", "notes", "creationDate", "key", "language", "dateFormat",
        "decimalSeparator", "numberGroupSeparator", "userName", "extendedGrants",
    })  # fmt: skip

    apiKey = TextField(read_only=True)
    id = NumberField(read_only=True)
    name = TextField(read_only=True)
    email = TextField(read_only=True)
    timeZone = NumberField()
    notes = TextField()
    creationDate = TimeField(read_only=True)
    key = TextField(read_only=True)
    language = TextField()
    dateFormat = TextField()
    decimalSeparator = TextField()
    numberGroupSeparator = TextField()
    userName = TextField()
    extendedGrants = ExtendedGrantsSerializer()
    timeFormat = TimeFormatField({"AmPm": 0, "H24": 1})
    groupGrants = NumberField(read_only=True)
    tlGrants = NumberField(read_only=True)
    tpGrants = NumberField(read_only=True)
    timeframeMinDate = FirstDayField()
    hitOptions = HitOptionsSerializer()
    conversionOptions = ConversionOptionsSerializer()


def format_guest_name(row: Membership) -> str:
    """Return the name that the account gave its guest, else the user's name if the guest has accepted."""
    return str(row.options.get("guestName") or (row.user.name if row.accepted else ""))


def serialize_guests(rows: list[Membership]) -> list[Json]:
    """Serialize guests; their grants are read in one query."""
    prefetch_related_objects(rows, "grants")
    granted = Grant.objects.filter(membership__in=rows, kind="datapoint").values("object_id")
    accounts = {row.account_id for row in rows}
    kinds = dict(Datapoint.objects.filter(account__in=accounts, pk__in=granted).values_list("pk", "kind"))
    return [serialize_guest_row(row, kinds) for row in rows]


def serialize_guest_row(row: Membership, kinds: dict[int, int]) -> Json:
    """Serialize a guest, never with a password. `kinds`: link or pixel, by id."""
    grants = [(grant.kind, grant.object_id) for grant in row.grants.all()]
    shared = [kinds[number] for kind, number in grants if kind == "datapoint" and number in kinds]
    pixels = shared.count(DatapointKind.PIXEL)
    options = {name: omit_empty(**value) if isinstance(value, dict) else value for name, value in row.options.items()}
    set_options = {name: value for name, value in options.items() if value or name == "timeFormat"}
    return write_answer(GuestSerializer, {
        **DEFAULT_OPTIONS, "timeZone": ZONE_NUMBERS.get(row.account.timezone, 0), "userName": row.user.email,
        **set_options, "apiKey": row.authkey, "id": row.pk, "name": format_guest_name(row), "email": row.user.email,
        "creationDate": row.created, "key": base64.b64encode(row.authkey.encode()).decode(),
        "groupGrants": sum(kind == "group" for kind, _ in grants),
        "tlGrants": len(shared) - pixels, "tpGrants": pixels,
    })  # fmt: skip


def filter_grants(request: ApiRequest, guest: Membership) -> QuerySet[Grant]:
    """Filter a guest's grants by the request's parameters."""
    rows = guest.grants.filter(kind__in=("group", "datapoint")).order_by("pk")
    if kind := request.get_choice(GRANT_KIND):
        rows = rows.filter(kind=kind)
    if right := request.get_choice(GRANT_TYPE):
        rows = rows.filter(right=Right.READ if right == "r" else Right.WRITE)
    number = request.get_number("entityId")
    return rows.filter(object_id=number) if number else rows


def serialize_grants(request: ApiRequest, rows: Sequence[Grant]) -> list[Json]:
    """Serialize grants with the names of their objects, which are read in one query per kind."""
    groups = request.scope.groups().in_bulk([row.object_id for row in rows if row.kind == "group"])
    links = request.scope.datapoints().in_bulk([row.object_id for row in rows if row.kind == "datapoint"])
    objects: dict[str, Mapping[int, Group | Datapoint]] = {"group": groups, "datapoint": links}
    return [serialize_grant(row, objects[row.kind].get(row.object_id)) for row in rows]


def serialize_grant(row: Grant, target: Group | Datapoint | None) -> Json:
    """Serialize a grant; ClickMeter capitalizes these members."""
    return write_answer(GrantedRightSerializer, {
        "Entity": selectors.build_reference("groups" if row.kind == "group" else "datapoints", row.object_id),
        "EntityName": str(target or ""), "EntityType": "Group" if row.kind == "group" else "Datapoint",
        "Type": "Write" if row.right == Right.WRITE else "Read",
        "DatapointType": TYPE_NAMES[DatapointKind(target.kind)] if isinstance(target, Datapoint) else "",
    })  # fmt: skip


class GuestViews(RowViews[Membership]):
    kind, what, nouns = "account/guests", "guest", "guests"
    filters = "sortBy sortDirection textSearch"
    serializer_class = GuestSerializer
    answers = {"create": GuestSerializer, "update": GuestSerializer}
    permission_classes = (IsManager,)

    def get_queryset(self) -> QuerySet[Membership]:
        """Select and order the account's guests, as the parameters say."""
        request = self.request
        rows = Membership.objects.filter(account=request.account, role=Role.GUEST).select_related("user", "account")
        rows = rows.annotate(guest_name=GUEST_NAME)
        if search := selectors.parse_search(request):
            rows = rows.filter(Q(user__email__icontains=search) | Q(guest_name__icontains=search))
        columns = {"email": "user__email", "name": "guest_name", "username": "user__email"}
        return rows.order_by(f"{request.sign}{columns.get(request.get_text('sortBy').lower(), 'pk')}", "pk")

    def serialize(self, rows: Sequence[Membership], serializer_class: object = None) -> Sequence[Json]:
        """Serialize guests with their keys; that they were shown is recorded once, however many they are."""
        keys = " ".join(row.authkey for row in rows)
        if len(rows) == 1:
            record_shown("own_key.shown", rows[0], keys, label=rows[0].display_name)
        elif rows:
            record_shown("own_key.shown", None, keys, accounts=[self.request.account.pk], label=f"{len(rows)} guests")
        return serialize_guests([*rows])

    def create(self, request: ApiRequest) -> Json:
        """Invite a guest by mail. A password in the body is ignored, since only the person may choose one."""
        body, by = request.members, request.scope.membership
        guest, invitation = guest_services.guest_invite(
            account=request.account, by=by, email=parse_text(body.get("email") or body.get("username")),
            name=parse_text(body.get("name")), options=self.read_fields(),
        )  # fmt: skip
        inviter = by.user if by.user_id else request.account
        transaction.on_commit(partial(mail_invitation, invitation, inviter))
        return self.serialize_row(guest)

    def update(self, request: ApiRequest, **path: object) -> Json:
        """Change a guest; the response is the whole guest."""
        row, body = self.get_object(), request.members
        name = parse_text(body["name"]) if "name" in body else None
        return self.serialize_row(guest_services.guest_update(guest=row, name=name, options=self.read_fields()))

    def perform_destroy(self, row: Membership) -> None:
        guest_services.guest_delete(guest=row, by=self.request.scope.membership)

    # -- permissions ---------------------------------------------------------------------------------------------------

    def permissions(self, request: ApiRequest, **path: object) -> Response:
        grants: Any = filter_grants(request, self.get_object())
        return self.get_paginated_response(serialize_grants(request, self.paginate_queryset(grants) or []))

    def count_permissions(self, request: ApiRequest, **path: object) -> Json:
        return {"count": filter_grants(request, self.get_object()).count()}

    def patch_permission(self, request: ApiRequest, **path: object) -> Json:
        """Add or remove a right; the response names the shared object."""
        guest, kind, body = self.get_object(), str(path["type"]).lower(), self.read(PermissionPatchSerializer)
        if kind not in ("group", "datapoint"):
            raise build_not_found_error()
        number = body.get("id", 0)
        row: Group | Datapoint = (
            selectors.find_group(request, number) if kind == "group" else selectors.find_datapoint(request, number)
        )
        action, verb = parse_text(body.get("action")).lower(), parse_text(body.get("verb") or "r").lower()
        if action not in ("add", "remove"):
            raise build_parameter_error("Action", "Action is add or remove.", action)
        if verb not in ("r", "rw", "w"):
            raise build_parameter_error("Verb", "Verb is r or rw.", verb)
        right = None if action == "remove" else Right.READ if verb == "r" else Right.WRITE
        grant_set(membership=guest, kind=kind, object_id=row.pk, right=right)
        return selectors.build_reference("groups" if kind == "group" else "datapoints", row.pk)
