"""The white label of the account in the management API."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import exceptions, serializers
from rest_framework.generics import RetrieveUpdateAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api.management_view import ManagementView
from accounts.api.openapi import describe_responses
from accounts.api.resources import add_examples
from accounts.api.serializers import ClosedSerializer, require_instance
from accounts.branding import is_other_host
from accounts.custom_domains.claim_checks import claim_check_now
from accounts.models import Account, Area, Purpose
from accounts.selectors import find_claim
from accounts.services import account_brand_set

BRAND_EXAMPLE = {
    "host": "stats.agency.example", "name": "Agency Numbers", "logo": "https://agency.example/logo.svg",
    "accent": "#0a7f5a", "verified": False, "check_result": "There is no TXT record yet.",
}  # fmt: skip
# Links and log-ins lead to the host: with another one, a stolen key would read those of owners
HOST_IS_FIXED = (
    "No program can change the host of the white label: an owner does under Settings → White label, after confirming "
    "that it is them."
)


@add_examples("A white label", BRAND_EXAMPLE, {"name": "Agency Numbers", "accent": "#0a7f5a"})
class BrandSerializer(ClosedSerializer):
    """The white label. The service validates the values."""

    host = serializers.CharField(
        required=False, allow_blank=True, max_length=253,
        help_text="Empty: off. An owner changes it on the page; here it may only be sent back as it is",
    )  # fmt: skip
    name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    logo = serializers.CharField(required=False, allow_blank=True, max_length=500, help_text="An https:// address")
    accent = serializers.CharField(required=False, allow_blank=True, max_length=7, help_text="Such as #0a7f5a")
    verified = serializers.BooleanField(read_only=True, help_text="The white label appears on the host only then")
    check_result = serializers.CharField(read_only=True, allow_blank=True, help_text="Of the last check in DNS")

    def validate_host(self, value: str) -> str:
        """Raise ValidationError for another host than the present one."""
        if is_other_host(require_instance(self), value):
            raise serializers.ValidationError(HOST_IS_FIXED)
        return value

    def to_representation(self, instance: Account) -> dict[str, object]:
        """Return the account's white label with the state of its host."""
        claim = find_claim(instance, instance.brand.get("host", ""), Purpose.BRAND)
        return {
            **{name: instance.brand.get(name, "") for name in ("host", "name", "logo", "accent")},
            "verified": bool(claim and claim.verified),
            "check_result": claim.check_result if claim else "",
        }


@extend_schema_view(
    get=extend_schema(summary="Show the white label"),
    patch=extend_schema(summary="Change the white label"),
)
class BrandDetail(ManagementView[Account], RetrieveUpdateAPIView[Account]):
    """The white label of the account: host, name, logo and accent colour."""

    area = Area.ACCOUNT
    serializer_class = BrandSerializer

    def get_object(self) -> Account:
        return self.get_membership("manage").account

    def perform_update(self, serializer: BaseSerializer[Account]) -> None:
        changes = {name: value for name, value in serializer.validated_data.items() if name != "host"}
        serializer.instance = account_brand_set(account=self.get_object(), **changes)


class BrandCheck(ManagementView[Account]):
    """Checks the DNS record of the white label's host now."""

    area = Area.ACCOUNT
    serializer_class = BrandSerializer

    @extend_schema(
        summary="Check the host of the white label", request=None,
        responses=describe_responses(200, BrandSerializer, is_post=True),
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        account = self.get_membership("manage").account
        claim = find_claim(account, account.brand.get("host", ""), Purpose.BRAND)
        wait = claim_check_now(claim) if claim else 0  # without a host there is nothing to check
        if wait:
            raise exceptions.Throttled(wait)
        return Response(BrandSerializer(account).data)
