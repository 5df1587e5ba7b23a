"""Endpoints of accounts, their members and exposed keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from django.db.models import QuerySet
from django_filters.rest_framework import CharFilter, ChoiceFilter, FilterSet
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers, status
from rest_framework.generics import (
    DestroyAPIView,
    ListAPIView,
    ListCreateAPIView,
    RetrieveAPIView,
    RetrieveUpdateAPIView,
    RetrieveUpdateDestroyAPIView,
)
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.account_limits import get_event_quota
from accounts.api.management_view import ManagementView
from accounts.api.openapi import describe_responses
from accounts.api.serializers import ClosedModelSerializer, ClosedSerializer, require_instance
from accounts.models import Account, Area, ExposedKey, Invitation, Membership, Role
from accounts.permissions import Bearer
from accounts.revocation import exposed_key_dismiss, exposed_key_replace
from accounts.selectors import list_members
from accounts.services import account_update, member_access_set, member_remove
from accounts.services.invitation_mails import mail_invitation
from accounts.services.invitations import invitation_create

ACCOUNT_EXAMPLE = {
    "id": 7, "name": "Example Ltd", "timezone": "Europe/Tallinn", "monthly_events": 0, "events_used": 48210,
    "over_quota": False, "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
ME_EXAMPLE = {"email": "alice@example.org", "role": "owner", "account": ACCOUNT_EXAMPLE}
LIMITED_ME_EXAMPLE = {"email": "alice@example.org", "role": "owner", "account": {"id": 7, "name": "Example Ltd"}}
GRANT_EXAMPLE = {"kind": "site", "id": 100001, "right": "read"}
MEMBER_EXAMPLE = {
    "id": 12, "email": "bob@example.org", "name": "Bob", "role": "guest", "grants": [GRANT_EXAMPLE],
    "created": "2026-04-12T16:05:00Z",
}  # fmt: skip
EXPOSED_EXAMPLE = {
    "id": 3, "kind": "site", "object_id": 100001, "person": "Bob <bob@example.org>", "since": "2026-05-20T08:00:00Z",
}  # fmt: skip


@extend_schema_serializer(
    examples=[
        OpenApiExample("An account", value=ACCOUNT_EXAMPLE, response_only=True),
        OpenApiExample("Rename it", value={"name": "Example Group"}, request_only=True),
    ]
)
class AccountSerializer(ClosedModelSerializer):
    monthly_events = serializers.SerializerMethodField(
        help_text="How many events of a month it has: its own quota, else its plan's; 0: any number"
    )

    class Meta:
        model = Account
        fields = ("id", "name", "timezone", "monthly_events", "events_used", "over_quota", "created")
        read_only_fields = ("id", "events_used", "over_quota", "created")

    def get_monthly_events(self, account: Account) -> int:
        return get_event_quota(account)


class GrantSerializer(ClosedSerializer):
    kind = serializers.CharField(help_text="`site`, `group` of links, or `datapoint`: a link")
    id = serializers.IntegerField(source="object_id")
    right = serializers.CharField(help_text="`read` or `write`")


@extend_schema_serializer(
    examples=[
        OpenApiExample("A guest who may see one site", value=MEMBER_EXAMPLE, response_only=True),
        OpenApiExample("Other grants", value={"grants": [{**GRANT_EXAMPLE, "right": "write"}]}, request_only=True),
    ]
)
class MemberSerializer(ClosedModelSerializer):
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    grants = GrantSerializer(many=True, required=False)

    class Meta:
        model = Membership
        fields = ("id", "email", "name", "role", "grants", "created")
        read_only_fields = ("id", "created")


@extend_schema_serializer(
    examples=[
        OpenApiExample("Invite a guest", value={"email": "zoe@example.org", "role": "guest", "grants": [GRANT_EXAMPLE]})
    ]
)
class InviteSerializer(ClosedSerializer):
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices, default=Role.VIEWER)
    grants = GrantSerializer(many=True, required=False)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A mailed invitation", value={"email": "zoe@example.org", "role": "guest", "link": "", "mailed": True}
        )
    ]
)
class InvitationSerializer(ClosedSerializer):
    email = serializers.EmailField()
    role = serializers.CharField()
    link = serializers.CharField(allow_blank=True, help_text="Pass it on yourself; empty when the mail was sent")
    mailed = serializers.BooleanField()


@extend_schema_serializer(examples=[OpenApiExample("A key that Bob may still know", value=EXPOSED_EXAMPLE)])
class ExposedKeySerializer(ClosedModelSerializer):
    class Meta:
        model = ExposedKey
        fields = ("id", "kind", "object_id", "person", "since")
        read_only_fields = fields


class CallerSerializer(ClosedSerializer):
    email = serializers.EmailField(allow_null=True, help_text="null for the account's own key")
    role = serializers.CharField()


@extend_schema_serializer(
    examples=[
        OpenApiExample("An owner", value={"email": "alice@example.org", "role": "owner", "account": ACCOUNT_EXAMPLE})
    ]
)
class MeSerializer(CallerSerializer):
    account = AccountSerializer()


class AccountNameSerializer(ClosedModelSerializer):
    """What a token that is limited to some sites reads of its account."""

    class Meta:
        model = Account
        fields = ("id", "name")
        read_only_fields = fields


@extend_schema_serializer(examples=[OpenApiExample("A token that is limited to some sites", value=LIMITED_ME_EXAMPLE)])
class LimitedMeSerializer(CallerSerializer):
    account = AccountNameSerializer()


ME_AS_SEEN = OpenApiResponse(
    PolymorphicProxySerializer(
        component_name="MeAsSeen", serializers=[MeSerializer, LimitedMeSerializer], resource_type_field_name=None
    ),
    examples=[
        OpenApiExample("An owner", value=ME_EXAMPLE),
        OpenApiExample("A token that is limited to some sites", value=LIMITED_ME_EXAMPLE),
    ],
)


class MemberFilters(FilterSet):
    role = ChoiceFilter(choices=Role.choices)
    email = CharFilter(field_name="user__email", lookup_expr="icontains", label="Text that the e-mail contains")


class ExposedKeyFilters(FilterSet):
    kind = CharFilter(label="The kind of key")
    person = CharFilter(lookup_expr="icontains", label="Text that the person's name or e-mail contains")


class GrantValues(TypedDict):
    """One right of the validated body of a member."""

    kind: str
    object_id: int
    right: str


class MemberValues(TypedDict, total=False):
    """The rights in the validated body of a member."""

    grants: list[GrantValues]


def extract_grants(values: MemberValues) -> list[tuple[str, int, str]]:
    """Extract (kind, id, right) from the serializer's `grants`."""
    return [(row["kind"], row["object_id"], row["right"]) for row in values.get("grants", [])]


def mail_and_answer(invitation: Invitation, by: Membership) -> Mapping[str, object]:
    """Mail an invitation that was just created, and return the answer: with the link if no mail could be sent.

    `InvitationViews` answers more of it; this is how version 0.2 did.
    """
    outcome = mail_invitation(invitation, by.user if by.user_id else by.account)
    data = {"email": invitation.email, "role": invitation.role, "link": outcome.link, "mailed": outcome.mailed}
    return InvitationSerializer(data).data


@extend_schema_view(
    get=extend_schema(summary="Show who the caller is", responses=describe_responses(200, ME_AS_SEEN)),
)
class CurrentMember(ManagementView[Membership], RetrieveAPIView[Membership]):
    """Who the caller is. A token that is limited to some sites reads only the name of the account."""

    area = ""
    serializer_class = MeSerializer

    def retrieve(self, request: Request, *args: object, **kwargs: object) -> Response:
        membership = self.find_acting_membership()
        email = membership.user.email if membership.user_id else None
        me = {"email": email, "role": membership.role, "account": membership.account}
        is_limited = isinstance(request.user, Bearer) and request.user.site_ids is not None
        return Response((LimitedMeSerializer if is_limited else MeSerializer)(me).data)


@extend_schema_view(
    get=extend_schema(summary="Show the account"),
    patch=extend_schema(summary="Change name and time zone"),
)
class AccountDetail(ManagementView[Account], RetrieveUpdateAPIView[Account]):
    """The account the caller works in."""

    area = Area.ACCOUNT
    serializer_class = AccountSerializer

    def get_object(self) -> Account:
        return self.get_membership("view" if self.request.method in SAFE_METHODS else "manage").account

    def perform_update(self, serializer: BaseSerializer[Account]) -> None:
        serializer.instance = account_update(account=require_instance(serializer), **serializer.validated_data)


@extend_schema_view(
    get=extend_schema(summary="List members"),
)
class Members(ManagementView[Membership], ListCreateAPIView[Membership]):
    """The members of the account. A POST invites a person, who becomes a member by opening the link in the mail."""

    area = Area.ACCOUNT
    queryset = Membership.objects.none()
    serializer_class = MemberSerializer
    filterset_class = MemberFilters
    ordering = ("pk",)

    def get_queryset(self) -> QuerySet[Membership]:
        return list_members(self.get_membership("manage").account)

    @extend_schema(
        summary="Invite a person", request=InviteSerializer, responses=describe_responses(201, InvitationSerializer)
    )
    def post(self, request: Request, *args: object, **kwargs: object) -> Response:
        membership = self.get_membership("manage")
        invite = InviteSerializer(data=request.data)
        invite.is_valid(raise_exception=True)
        invitation = invitation_create(
            account=membership.account,
            email=invite.validated_data["email"],
            role=invite.validated_data["role"],
            by=membership,
            grants=extract_grants(invite.validated_data),
        )
        return Response(mail_and_answer(invitation, membership), status=status.HTTP_201_CREATED)


@extend_schema_view(
    get=extend_schema(summary="Show a member"),
    patch=extend_schema(summary="Change role and grants"),
    delete=extend_schema(summary="Remove a member"),
)
class MemberDetail(ManagementView[Membership], RetrieveUpdateDestroyAPIView[Membership]):
    """One member: read it, change role and grants, remove it."""

    area = Area.ACCOUNT
    queryset = Membership.objects.none()
    serializer_class = MemberSerializer
    lookup_url_kwarg = "member_id"
    missing = "No such member."

    def get_queryset(self) -> QuerySet[Membership]:
        return list_members(self.get_membership("manage").account)

    def perform_update(self, serializer: BaseSerializer[Membership]) -> None:
        member, acting = require_instance(serializer), self.get_membership("manage")
        values = serializer.validated_data
        grants = extract_grants(values) if "grants" in values else None
        member_access_set(membership=member, role=values.get("role"), grants=grants, by=acting)
        serializer.instance = self.get_object()

    def perform_destroy(self, instance: Membership) -> None:
        member_remove(membership=instance, by=self.get_membership("manage"))


@extend_schema_view(
    get=extend_schema(summary="List exposed keys"),
)
class ExposedKeys(ManagementView[ExposedKey], ListAPIView[ExposedKey]):
    """Shared keys of the account that people without access to them any more may still know, the latest first."""

    area = Area.ACCOUNT
    queryset = ExposedKey.objects.none()
    serializer_class = ExposedKeySerializer
    filterset_class = ExposedKeyFilters
    ordering = ("-pk",)

    def get_queryset(self) -> QuerySet[ExposedKey]:
        return self.get_membership("manage").account.exposed_keys.all()


@extend_schema_view(
    delete=extend_schema(summary="Take a key off the list"),
)
class ExposedKeyDetail(ManagementView[ExposedKey], DestroyAPIView[ExposedKey]):
    """DELETE takes a key off the list without replacing it. Replacing the key takes it off as well."""

    area = Area.ACCOUNT
    queryset = ExposedKey.objects.none()
    lookup_url_kwarg = "exposed_id"
    missing = "No such key."

    def get_queryset(self) -> QuerySet[ExposedKey]:
        return self.get_membership("manage").account.exposed_keys.all()

    def perform_destroy(self, instance: ExposedKey) -> None:
        exposed_key_dismiss(exposed=instance)


class ExposedKeyReplacement(ManagementView[ExposedKey]):
    """Replaces an exposed key: programs with the old one stop working."""

    area = Area.ACCOUNT
    queryset = ExposedKey.objects.none()
    serializer_class = ExposedKeySerializer
    lookup_url_kwarg = "exposed_id"
    missing = "No such key."

    def get_queryset(self) -> QuerySet[ExposedKey]:
        return self.get_membership("manage").account.exposed_keys.all()

    @extend_schema(
        summary="Replace an exposed key", request=None, responses=describe_responses(204, None, is_post=True)
    )
    def post(self, request: Request, exposed_id: int) -> Response:
        exposed_key_replace(exposed=self.get_object(), by=self.get_membership("manage"))
        return Response(status=status.HTTP_204_NO_CONTENT)
