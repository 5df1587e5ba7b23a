"""Single sign-on of the account in the management API: its provider and e-mail domains, to read and to test.

Nothing here changes them: whoever sets the provider can log in as anybody of the account's domains, so the page asks an
owner to confirm that it is them, which no program can.
"""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone as clock
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import exceptions, mixins, serializers
from rest_framework.decorators import action
from rest_framework.generics import RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.management_view import ManagementView
from accounts.api.openapi import describe_responses
from accounts.api.resources import ResourceViews, add_examples
from accounts.api.serializers import ClosedModelSerializer, ClosedSerializer
from accounts.models import Account, Area, Role
from accounts.security import rate_limits
from accounts.services.sso_domains import sso_domain_check_now
from accounts.sso.discovery import DiscoveryError, check_connection
from accounts.sso.models import ROLE_CHOICES, SsoConnection, SsoDomain, build_redirect_uri

CONNECTION_EXAMPLE = {
    "issuer": "https://login.example.com", "client_id": "analytics", "default_role": "viewer", "enforced": False,
    "way_back": "", "redirect_uri": "https://stats.example.org/login/sso/account-7/callback",
}  # fmt: skip
DOMAIN_EXAMPLE = {
    "id": 3, "domain": "example.org", "verified": False, "record_name": "_analytics-sso.example.org",
    "record_value": "account=7", "check_result": "There is no TXT record that names this account yet.",
}  # fmt: skip
TEST_EXAMPLE = {"works": False, "result": "The provider publishes no keys, so its answers cannot be checked."}
OWNERS_ONLY = "Only an owner can set up single sign-on."
NO_CONNECTION = "This account has no single sign-on. An owner sets it up under Settings → Single sign-on."


@add_examples("Single sign-on", CONNECTION_EXAMPLE)
class SsoSerializer(ClosedSerializer):
    """The account's provider; its secret is never shown."""

    issuer = serializers.CharField(read_only=True, help_text="The provider's address; empty: no single sign-on")
    client_id = serializers.CharField(read_only=True)
    default_role = serializers.ChoiceField(read_only=True, choices=ROLE_CHOICES, help_text="Of new members")
    enforced = serializers.BooleanField(
        read_only=True, help_text="Whether people of the verified domains log in through the provider only"
    )
    way_back = serializers.CharField(
        read_only=True,
        help_text="The address of the emergency owner, who can also log in by password and second factor",
    )
    redirect_uri = serializers.CharField(read_only=True, help_text="To register at the provider")

    def to_representation(self, instance: Account) -> dict[str, object]:
        """Return the account's connection without its secret, empty if there is none."""
        row = SsoConnection.objects.filter(account=instance).select_related("way_back").first()
        return {
            "issuer": row.issuer if row else "",
            "client_id": row.client_id if row else "",
            "default_role": row.default_role if row else Role.VIEWER,
            "enforced": bool(row and row.enforced),
            "way_back": row.way_back.email if row and row.way_back else "",
            "redirect_uri": build_redirect_uri(instance.pk),
        }


@add_examples("The result of a test", TEST_EXAMPLE)
class SsoTestSerializer(ClosedSerializer):
    """Whether the provider can be used, and what is wrong."""

    works = serializers.BooleanField(read_only=True)
    result = serializers.CharField(read_only=True, help_text="A sentence")


@add_examples("An e-mail domain", DOMAIN_EXAMPLE)
class SsoDomainSerializer(ClosedModelSerializer):
    verified = serializers.SerializerMethodField(
        help_text="Whether the TXT record was found; before that the domain has no effect"
    )

    class Meta:
        model = SsoDomain
        fields = ("id", "domain", "verified", "record_name", "record_value", "check_result")
        read_only_fields = fields

    def get_verified(self, row: SsoDomain) -> bool:
        return row.verified is not None


class OwnersView(ManagementView[Account]):
    """A view whose tests are for owners, who alone set up single sign-on."""

    area = Area.ACCOUNT

    def get_account(self) -> Account:
        """Return the account; for a test only to an owner, thus not to the account's own key. Raises Http404."""
        membership = self.get_membership("manage")
        if self.request.method not in ("GET", "HEAD", "OPTIONS") and membership.role != Role.OWNER:
            raise Http404(OWNERS_ONLY)
        return membership.account

    def get_connection(self) -> SsoConnection:
        """Return the account's connection. Raises Http404."""
        rows = SsoConnection.objects.filter(account=self.get_account())
        connection: SsoConnection | None = rows.select_related("account").first()
        if connection is None:
            raise Http404(NO_CONNECTION)
        return connection


@extend_schema_view(get=extend_schema(summary="Show single sign-on"))
class SsoDetail(OwnersView, RetrieveAPIView[Account]):
    """Single sign-on of the account: its OpenID provider, and whether that is the only way in."""

    serializer_class = SsoSerializer

    def get_object(self) -> Account:
        return self.get_account()


class SsoTest(OwnersView):
    """Tests the connection to the provider now."""

    serializer_class = SsoTestSerializer

    @extend_schema(
        summary="Test single sign-on", request=None, responses=describe_responses(200, SsoTestSerializer, is_post=True)
    )
    def post(self, request: Request) -> Response:
        connection = self.get_connection()
        if wait := rate_limits.count_attempt((rate_limits.CHECK_ACCOUNT, str(connection.account_id))):
            raise exceptions.Throttled(wait)
        try:
            found = check_connection(connection)
        except DiscoveryError as error:
            return Response({"works": False, "result": str(error)})
        return Response({"works": True, "result": f"People log in at {found.login_origin}."})


class SsoDomainViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViews[SsoDomain]):
    """E-mail domains of single sign-on. One has an effect once its TXT record is found."""

    area = Area.ACCOUNT
    noun, plural = "an e-mail domain", "e-mail domains"
    queryset = SsoDomain.objects.none()
    serializer_class = SsoDomainSerializer
    lookup_url_kwarg = "email_domain_id"
    missing = "No such domain."

    def get_queryset(self) -> QuerySet[SsoDomain]:
        membership = self.get_membership("manage")
        if self.request.method not in ("GET", "HEAD", "OPTIONS") and membership.role != Role.OWNER:
            raise Http404(OWNERS_ONLY)
        return SsoDomain.objects.filter(connection__account=membership.account).select_related("connection")

    @extend_schema(
        summary="Check an e-mail domain", request=None,
        responses=describe_responses(200, SsoDomainSerializer, is_post=True),
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def check(self, request: Request, email_domain_id: int) -> Response:
        """Look up the domain's TXT record now."""
        row = self.get_object()
        if wait := sso_domain_check_now(domain=row, now=clock.now()):
            raise exceptions.Throttled(wait)
        row.refresh_from_db()
        return Response(SsoDomainSerializer(row).data)
