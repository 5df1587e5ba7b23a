"""Open invitations in the management API: of members, of guests of sites, and of guests of links."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import QuerySet
from django.utils import timezone as clock
from django_filters.rest_framework import CharFilter, ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.openapi import describe_responses
from accounts.api.resources import ResourceViews, add_examples
from accounts.api.serializers import ClosedModelSerializer, ClosedSerializer
from accounts.api.views import GRANT_EXAMPLE, GrantSerializer, InviteSerializer, extract_grants
from accounts.invitation_lists import list_granted
from accounts.models import Area, Invitation, Role
from accounts.services.invitation_mails import build_join_link, mail_invitation
from accounts.services.invitations import (
    invitation_create,
    invitation_link_create,
    invitation_resend,
    invitation_revoke,
)

INVITATION_EXAMPLE = {
    "id": 14, "email": "zoe@example.org", "role": "guest", "grants": [GRANT_EXAMPLE], "invited_by": "alice@example.org",
    "created": "2026-05-02T10:00:00Z", "expires": "2026-05-09T10:00:00Z", "expired": False,
}  # fmt: skip
SENT_EXAMPLE = {**INVITATION_EXAMPLE, "link": "", "mailed": True}
LINK_EXAMPLE = {"link": "https://stats.example.org/join/7f3KpQ"}
FIELDS = ("id", "email", "role", "grants", "invited_by", "created", "expires", "expired")


@add_examples("An invitation", INVITATION_EXAMPLE)
class OpenInvitationSerializer(ClosedModelSerializer):
    grants = serializers.SerializerMethodField(help_text="What a guest gets, also by a key that was made before")
    invited_by = serializers.EmailField(
        source="invited_by.email",
        default=None,
        read_only=True,
        allow_null=True,
        help_text="null: the account's own key",
    )
    expired = serializers.SerializerMethodField(help_text="Its link no longer works; resend it")

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = FIELDS
        read_only_fields = fields

    @extend_schema_field(GrantSerializer(many=True))
    def get_grants(self, invitation: Invitation) -> list[Mapping[str, object]]:
        granted = list_granted(invitation, invitation.membership)
        return [{"kind": kind, "id": number, "right": right} for kind, number, right in granted]

    def get_expired(self, invitation: Invitation) -> bool:
        return invitation.expires <= clock.now()


@add_examples("A mailed invitation", SENT_EXAMPLE)
class SentInvitationSerializer(OpenInvitationSerializer):
    link = serializers.CharField(
        source="shown_link", read_only=True, help_text="Pass it on yourself; empty when the mail was sent"
    )
    mailed = serializers.BooleanField(read_only=True)

    class Meta(OpenInvitationSerializer.Meta):
        fields = (*FIELDS, "link", "mailed")
        read_only_fields = fields


@add_examples("A new link", LINK_EXAMPLE)
class InvitationLinkSerializer(ClosedSerializer):
    link = serializers.CharField(help_text="It works once, for the invited address")


class InvitationFilters(FilterSet):
    role = ChoiceFilter(choices=Role.choices)
    email = CharFilter(lookup_expr="icontains", label="Text that the e-mail contains")


class InvitationViews(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, ResourceViews[Invitation]
):
    """Open invitations into the account, to its sites or its links.

    DELETE revokes one: its link stops working, and a guest who was added with a key of their own is removed with it.
    """

    area = Area.ACCOUNT
    noun, plural = "an invitation", "open invitations"
    queryset = Invitation.objects.none()
    serializer_class = OpenInvitationSerializer
    filterset_class = InvitationFilters
    lookup_url_kwarg = "invitation_id"
    missing = "No such invitation."

    def get_queryset(self) -> QuerySet[Invitation]:
        rows = self.get_membership("manage").account.invitations.open()
        related = rows.select_related("account", "invited_by", "membership__user", "membership__account")
        return related.prefetch_related("membership__grants")

    def perform_destroy(self, instance: Invitation) -> None:
        invitation_revoke(invitation=instance, now=clock.now(), by=self.get_membership("manage"))

    def mail_and_answer(self, invitation: Invitation, answer_status: int) -> Response:
        """Mail an invitation that just got its link, and answer: with the link if no mail could be sent."""
        by = self.get_membership("manage")
        outcome = mail_invitation(invitation, by.user if by.user_id else by.account)
        invitation.shown_link, invitation.mailed = outcome.link, outcome.mailed  # type: ignore[attr-defined]
        return Response(SentInvitationSerializer(invitation).data, status=answer_status)

    @extend_schema(request=InviteSerializer, responses=describe_responses(201, SentInvitationSerializer))
    def create(self, request: Request) -> Response:
        """Invite a person, who becomes a member by opening the link in the mail; replaces an open invitation."""
        membership = self.get_membership("manage")
        invite = InviteSerializer(data=request.data)
        invite.is_valid(raise_exception=True)
        values = invite.validated_data
        invitation = invitation_create(
            account=membership.account, email=values["email"], role=values["role"], by=membership,
            grants=extract_grants(values),
        )  # fmt: skip
        return self.mail_and_answer(invitation, status.HTTP_201_CREATED)

    @extend_schema(
        summary="Send an invitation again",
        request=None,
        responses=describe_responses(200, SentInvitationSerializer, is_post=True),
    )
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, invitation_id: int) -> Response:
        """Mail the invitation again, with a new link; the old link stops working."""
        invitation = invitation_resend(invitation=self.get_object(), by=self.get_membership("manage"))
        return self.mail_and_answer(invitation, status.HTTP_200_OK)

    @extend_schema(
        summary="Make a link to pass on",
        request=None,
        responses=describe_responses(200, InvitationLinkSerializer, is_post=True),
    )
    @action(detail=True, methods=["post"])
    def link(self, request: Request, invitation_id: int) -> Response:
        """Answer a new link of the invitation, once; the old link stops working, and no mail is sent."""
        invitation = invitation_link_create(invitation=self.get_object(), by=self.get_membership("manage"))
        return Response(InvitationLinkSerializer({"link": build_join_link(invitation)}).data)
