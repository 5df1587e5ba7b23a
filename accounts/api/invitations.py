"""Open invitations and pending members in the management API. A POST to `members` invites a person."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone as clock
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.openapi import describe_responses
from accounts.api.resources import ResourceViews, add_examples
from accounts.api.serializers import ClosedModelSerializer
from accounts.api.views import InvitationSerializer, mail_and_answer
from accounts.models import Area, Invitation, Membership
from accounts.services import member_remove
from accounts.services.invitations import (
    get_link_lifetime,
    invitation_renew,
    invitation_revoke,
    pending_member_invite,
)

INVITATION_EXAMPLE = {
    "id": 14, "email": "zoe@example.org", "role": "viewer", "expired": False, "created": "2026-05-02T10:00:00Z",
}  # fmt: skip
PENDING_EXAMPLE = {"id": 33, "email": "max@example.org", "role": "guest", "created": "2026-05-02T10:00:00Z"}


@add_examples("An invitation", INVITATION_EXAMPLE)
class OpenInvitationSerializer(ClosedModelSerializer):
    expired = serializers.SerializerMethodField(help_text="Its link no longer works; renew it")

    class Meta:
        model = Invitation
        fields = ("id", "email", "role", "expired", "created")
        read_only_fields = fields

    def get_expired(self, invitation: Invitation) -> bool:
        return invitation.created < clock.now() - get_link_lifetime(invitation)


@add_examples("A guest who was never invited", PENDING_EXAMPLE)
class PendingMemberSerializer(ClosedModelSerializer):
    email = serializers.EmailField(source="user.email", read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "email", "role", "created")
        read_only_fields = fields


class InvitationViews(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, ResourceViews[Invitation]
):
    """Open invitations into the account. DELETE revokes one: its link stops working."""

    area = Area.ACCOUNT
    noun, plural = "an invitation", "open invitations"
    queryset = Invitation.objects.none()
    serializer_class = OpenInvitationSerializer
    lookup_url_kwarg = "invitation_id"
    missing = "No such invitation."

    def get_queryset(self) -> QuerySet[Invitation]:
        return self.get_membership("manage").account.invitations.open()

    def perform_destroy(self, instance: Invitation) -> None:
        invitation_revoke(invitation=instance, now=clock.now())

    @extend_schema(
        summary="Send an invitation again", request=None, responses=describe_responses(201, InvitationSerializer)
    )
    @action(detail=True, methods=["post"])
    def renew(self, request: Request, invitation_id: int) -> Response:
        """Replace the invitation by one with a new link, and mail it."""
        membership = self.get_membership("manage")
        invitation = invitation_renew(invitation=self.get_object(), by=membership)
        return Response(mail_and_answer(invitation, membership), status=status.HTTP_201_CREATED)


class PendingMemberViews(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, ResourceViews[Membership]
):
    """Guests who were added with a key of their own and have not joined. DELETE removes one."""

    area = Area.ACCOUNT
    noun, plural = "a pending member", "pending members"
    queryset = Membership.objects.none()
    serializer_class = PendingMemberSerializer
    lookup_url_kwarg = "pending_id"
    missing = "No such member."

    def get_queryset(self) -> QuerySet[Membership]:
        return self.get_membership("manage").account.memberships.pending().select_related("user", "account")

    def perform_destroy(self, instance: Membership) -> None:
        member_remove(membership=instance, by=self.get_membership("manage"))

    @extend_schema(
        summary="Invite a pending member", request=None, responses=describe_responses(201, InvitationSerializer)
    )
    @action(detail=True, methods=["post"])
    def invite(self, request: Request, pending_id: int) -> Response:
        """Send an invitation to the person."""
        membership = self.get_membership("manage")
        invitation = pending_member_invite(membership=self.get_object(), by=membership)
        return Response(mail_and_answer(invitation, membership), status=status.HTTP_201_CREATED)
