"""Our own management API below /api/v1/: who may call it, how it says no, and what it says of accounts.

Auth: a session, or `Authorization: Bearer <authkey>`. Every error is
`{"error": {"code": word, "message": sentence, "fields": {name: [sentences]}}}`, `fields` only where one is wrong.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Bearer, bearer_of, current_membership, members_of, membership_may
from accounts.invitations import invitation_create
from accounts.models import Account, Membership, Role
from accounts.services import account_update, member_grants_set, member_remove, member_role_set
from accounts.views.team import invitation_link, mail_invitation


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <authkey>` of an account or of one of its members."""

    def authenticate(self, request: Request) -> tuple[Bearer, str] | None:
        """Who the key stands for; None without such a header. Raises AuthenticationFailed for a wrong key."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        bearer = bearer_of(key)
        if bearer is None:
            raise exceptions.AuthenticationFailed("The key is unknown. Settings → Account shows your authkey.")
        return bearer, key

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI schema calls it."""

    target_class = "accounts.api.BearerAuthentication"
    name = "authkey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """An authkey after the word Bearer."""
        return {"type": "http", "scheme": "bearer", "description": "The account's or a member's authkey"}


class Somebody(BasePermission):
    """Logged in, or with a key."""

    message = "Log in, or send your authkey as `Authorization: Bearer <authkey>`."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether anybody stands behind the request."""
        return bool(request.user and request.user.is_authenticated)


CODES = {400: "invalid", 401: "not_authenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}


def error_answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every refusal in the one shape; None for what is a fault of ours."""
    if isinstance(error, ValidationError):
        by_field = error.message_dict if hasattr(error, "error_dict") else {}
        message = " ".join(f"{name}: {' '.join(texts)}" for name, texts in by_field.items()) or " ".join(error.messages)
        return _answer(400, message, by_field)
    if isinstance(error, Http404):
        return _answer(404, str(error) or "There is nothing here for you.")
    if isinstance(error, PermissionDenied):
        return _answer(403, str(error) or "You may not do this.")
    if not isinstance(error, exceptions.APIException):
        return None
    if isinstance(error, exceptions.NotAuthenticated):
        error.detail = Somebody.message  # type: ignore[assignment]
    headers = {"WWW-Authenticate": "Bearer"} if error.status_code == 401 else {}
    if isinstance(error, exceptions.ValidationError) and isinstance(error.detail, dict):
        fields = {name: [str(text) for text in texts] for name, texts in error.detail.items()}
        return _answer(400, " ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items()), fields)
    return _answer(error.status_code, str(error.detail), headers=headers)


def _answer(code: int, message: str, fields: Any = None, headers: dict[str, str] | None = None) -> Response:
    body = {"code": CODES.get(code, "error"), "message": message} | ({"fields": fields} if fields else {})
    return Response({"error": body}, status=code, headers=headers)


class ManagementView(APIView):
    """The base of every view below /api/v1/."""

    authentication_classes = (BearerAuthentication, SessionAuthentication)
    permission_classes = (Somebody,)

    def get_exception_handler(self) -> Any:
        return error_answer

    def membership(self, may: str = "view") -> Membership:
        """The membership that acts: a key's own, or the account the person works in. Raises Http404."""
        user = self.request.user
        found = user.membership if isinstance(user, Bearer) else current_membership(self.request)
        if not membership_may(found, may):
            raise Http404("You do not manage this account.")
        return found


def page_of(request: Request, things: Any, serializer: type[serializers.BaseSerializer]) -> Response:
    """A list's answer: `{"count", "results"}`, cut by `limit` (100, at most 1000) and `offset`."""
    limit = min(_number(request, "limit", 100), 1000)
    offset = _number(request, "offset", 0)
    rows = things[offset : offset + limit]
    return Response({"count": things.count(), "results": serializer(rows, many=True).data})


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit():
        raise ValidationError({name: "Must be a whole number of 0 or more."})
    return int(text[:9])


class AccountSerializer(serializers.ModelSerializer):
    class Meta:
        model = Account
        fields = ("id", "name", "timezone", "monthly_events", "events_used", "over_quota", "created")
        read_only_fields = ("id", "monthly_events", "events_used", "over_quota", "created")


class GrantSerializer(serializers.Serializer):
    kind = serializers.CharField()
    id = serializers.IntegerField(source="object_id")
    right = serializers.CharField()


class MemberSerializer(serializers.ModelSerializer):
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    grants = GrantSerializer(many=True, required=False)

    class Meta:
        model = Membership
        fields = ("id", "email", "name", "role", "grants", "created")
        read_only_fields = ("id", "created")


class InviteSerializer(serializers.Serializer):
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices, default=Role.VIEWER)
    grants = GrantSerializer(many=True, required=False)


class InvitationSerializer(serializers.Serializer):
    email = serializers.EmailField()
    role = serializers.CharField()
    link = serializers.CharField()
    mailed = serializers.BooleanField()


class MeSerializer(serializers.Serializer):
    email = serializers.EmailField(allow_null=True)
    role = serializers.CharField()
    account = AccountSerializer()


def cleaned(serializer: serializers.BaseSerializer) -> dict[str, Any]:
    """The serializer's values. Raises DRF's ValidationError."""
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def grants_in(values: dict[str, Any]) -> list[tuple[str, int, str]]:
    """(kind, id, right) of the serializer's `grants`."""
    return [(row["kind"], row["object_id"], row["right"]) for row in values.get("grants", [])]


class Me(ManagementView):
    """Who the caller is."""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        user = request.user
        found = user.membership if isinstance(user, Bearer) else current_membership(request)
        email = found.user.email if found.user_id else None
        return Response(MeSerializer({"email": email, "role": found.role, "account": found.account}).data)


class AccountDetail(ManagementView):
    """The account the caller works in."""

    @extend_schema(responses=AccountSerializer)
    def get(self, request: Request) -> Response:
        return Response(AccountSerializer(self.membership().account).data)

    @extend_schema(request=AccountSerializer, responses=AccountSerializer)
    def patch(self, request: Request) -> Response:
        account = self.membership("manage").account
        values = cleaned(AccountSerializer(account, data=request.data, partial=True))
        return Response(AccountSerializer(account_update(account=account, **values)).data)


class Members(ManagementView):
    """Who is in the account; a POST invites somebody."""

    @extend_schema(responses=MemberSerializer(many=True))
    def get(self, request: Request) -> Response:
        return page_of(request, members_of(self.membership("manage").account), MemberSerializer)

    @extend_schema(request=InviteSerializer, responses={201: InvitationSerializer})
    def post(self, request: Request) -> Response:
        mine = self.membership("manage")
        values = cleaned(InviteSerializer(data=request.data))
        made = invitation_create(
            account=mine.account, email=values["email"], role=values["role"], by=mine, grants=grants_in(values)
        )
        inviter = mine.user if mine.user_id else mine.account
        shown: dict[str, Any] = {"email": made.email, "role": made.role, "link": invitation_link(made)}
        shown["mailed"] = mail_invitation(made, inviter)
        return Response(InvitationSerializer(shown).data, status=status.HTTP_201_CREATED)


class MemberDetail(ManagementView):
    """One member: see, change role and grants, remove."""

    def found(self, member_id: int) -> tuple[Membership, Membership]:
        """The member and the membership that acts. Raises Http404."""
        mine = self.membership("manage")
        member = members_of(mine.account).filter(pk=member_id).first()
        if member is None:
            raise Http404("No such member.")
        return member, mine

    @extend_schema(responses=MemberSerializer)
    def get(self, request: Request, member_id: int) -> Response:
        return Response(MemberSerializer(self.found(member_id)[0]).data)

    @extend_schema(request=MemberSerializer, responses=MemberSerializer)
    def patch(self, request: Request, member_id: int) -> Response:
        member, mine = self.found(member_id)
        values = cleaned(MemberSerializer(member, data=request.data, partial=True))
        with transaction.atomic():  # all of it or nothing
            if "role" in values:
                member_role_set(membership=member, role=values["role"], by=mine)
            if "grants" in values:
                member_grants_set(membership=member, grants=grants_in(values))
        return Response(MemberSerializer(self.found(member_id)[0]).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, member_id: int) -> Response:
        member, mine = self.found(member_id)
        member_remove(membership=member, by=mine)
        return Response(status=status.HTTP_204_NO_CONTENT)
