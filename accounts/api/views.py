"""Endpoints of accounts, their members and exposed keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.management_view import ManagementView, paginate, validate_data
from accounts.models import Account, ExposedKey, Grant, Membership, Role
from accounts.permissions import Bearer, get_current_membership
from accounts.revocation import exposed_key_dismiss
from accounts.selectors import list_members
from accounts.services import account_update, member_access_set, member_remove
from accounts.services.invitations import invitation_create, mail_invitation


class AccountSerializer(serializers.ModelSerializer[Account]):
    class Meta:
        model = Account
        fields = ("id", "name", "timezone", "monthly_events", "events_used", "over_quota", "created")
        read_only_fields = ("id", "monthly_events", "events_used", "over_quota", "created")


class GrantSerializer(serializers.Serializer[Grant]):
    kind = serializers.CharField()
    id = serializers.IntegerField(source="object_id")
    right = serializers.CharField()


class MemberSerializer(serializers.ModelSerializer[Membership]):
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    grants = GrantSerializer(many=True, required=False)

    class Meta:
        model = Membership
        fields = ("id", "email", "name", "role", "grants", "created")
        read_only_fields = ("id", "created")


class InviteSerializer(serializers.Serializer[object]):
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices, default=Role.VIEWER)
    grants = GrantSerializer(many=True, required=False)


class InvitationSerializer(serializers.Serializer[object]):
    email = serializers.EmailField()
    role = serializers.CharField()
    link = serializers.CharField(help_text="Pass it on yourself; empty when the mail was sent")
    mailed = serializers.BooleanField()


class ExposedKeySerializer(serializers.ModelSerializer[ExposedKey]):
    class Meta:
        model = ExposedKey
        fields = ("id", "kind", "object_id", "person", "since")
        read_only_fields = fields


class MeSerializer(serializers.Serializer[object]):
    email = serializers.EmailField(allow_null=True)
    role = serializers.CharField()
    account = AccountSerializer()


def extract_grants(values: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """Extract (kind, id, right) from the serializer's `grants`."""
    return [(row["kind"], row["object_id"], row["right"]) for row in values.get("grants", [])]


class CurrentMember(ManagementView):
    """Who the caller is."""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        user = request.user
        membership = user.membership if isinstance(user, Bearer) else get_current_membership(request)
        email = membership.user.email if membership.user_id else None
        return Response(MeSerializer({"email": email, "role": membership.role, "account": membership.account}).data)


class AccountDetail(ManagementView):
    """The account the caller works in."""

    @extend_schema(responses=AccountSerializer)
    def get(self, request: Request) -> Response:
        return Response(AccountSerializer(self.get_membership().account).data)

    @extend_schema(request=AccountSerializer, responses=AccountSerializer)
    def patch(self, request: Request) -> Response:
        account = self.get_membership("manage").account
        values = validate_data(AccountSerializer(account, data=request.data, partial=True))
        return Response(AccountSerializer(account_update(account=account, **values)).data)


class Members(ManagementView):
    """The members of the account. A POST invites a person, who becomes a member by opening the link in the mail."""

    @extend_schema(responses=MemberSerializer(many=True))
    def get(self, request: Request) -> Response:
        return paginate(request, list_members(self.get_membership("manage").account), MemberSerializer)

    @extend_schema(request=InviteSerializer, responses={201: InvitationSerializer})
    def post(self, request: Request) -> Response:
        membership = self.get_membership("manage")
        values = validate_data(InviteSerializer(data=request.data))
        invitation = invitation_create(
            account=membership.account,
            email=values["email"],
            role=values["role"],
            by=membership,
            grants=extract_grants(values),
        )
        outcome = mail_invitation(invitation, membership.user if membership.user_id else membership.account)
        data = {"email": invitation.email, "role": invitation.role, "link": outcome.link, "mailed": outcome.mailed}
        return Response(InvitationSerializer(data).data, status=status.HTTP_201_CREATED)


class MemberDetail(ManagementView):
    """One member: read it, change role and grants, remove it."""

    def get_member(self, member_id: int) -> tuple[Membership, Membership]:
        """Return the member and the membership that acts. Raises Http404."""
        acting = self.get_membership("manage")
        member = list_members(acting.account).filter(pk=member_id).first()
        if member is None:
            raise Http404("No such member.")
        return member, acting

    @extend_schema(responses=MemberSerializer)
    def get(self, request: Request, member_id: int) -> Response:
        return Response(MemberSerializer(self.get_member(member_id)[0]).data)

    @extend_schema(request=MemberSerializer, responses=MemberSerializer)
    def patch(self, request: Request, member_id: int) -> Response:
        member, acting = self.get_member(member_id)
        values = validate_data(MemberSerializer(member, data=request.data, partial=True))
        grants = extract_grants(values) if "grants" in values else None
        member_access_set(membership=member, role=values.get("role"), grants=grants, by=acting)
        return Response(MemberSerializer(self.get_member(member_id)[0]).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, member_id: int) -> Response:
        member, acting = self.get_member(member_id)
        member_remove(membership=member, by=acting)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ExposedKeys(ManagementView):
    """Shared keys of the account that people without access to them any more may still know."""

    @extend_schema(responses=ExposedKeySerializer(many=True))
    def get(self, request: Request) -> Response:
        account = self.get_membership("manage").account
        return paginate(request, account.exposed_keys.order_by("-since", "pk"), ExposedKeySerializer)


class ExposedKeyDetail(ManagementView):
    """DELETE takes a key off the list without replacing it. Replacing the key takes it off as well."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, exposed_id: int) -> Response:
        exposed_key = self.get_membership("manage").account.exposed_keys.filter(pk=exposed_id).first()
        if exposed_key is None:
            raise Http404("No such key.")
        exposed_key_dismiss(exposed=exposed_key)
        return Response(status=status.HTTP_204_NO_CONTENT)
