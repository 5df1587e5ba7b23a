"""The white label of the account in the management API."""

from __future__ import annotations

import binascii
from base64 import b64decode

from django.http import Http404
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import exceptions, serializers
from rest_framework.generics import RetrieveUpdateAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api.management_view import ManagementView
from accounts.api.openapi import describe_responses
from accounts.api.resources import add_examples
from accounts.api.serializers import ClosedSerializer, require_instance
from accounts.branding import HOST_FIELDS, is_other_host
from accounts.models import Account, Area, Purpose
from accounts.selectors import find_claim
from accounts.services import account_brand_set, brand_file_remove, brand_file_set, brand_hosts_check
from accounts.white_label.images import MAX_BYTES
from accounts.white_label.models import BrandFileKind, FindingState
from accounts.white_label.overview import HostOverview, build_overview

VALUES = ("host", "tracking_host", "name", "logo", "accent", "sender")
RECORD_EXAMPLE = {
    "label": "Where it leads", "type": "CNAME", "name": "stats.agency.example", "value": "stats.example.com",
    "state": "good", "found": "CNAME stats.example.com",
}  # fmt: skip
HOST_EXAMPLE = {
    "host": "stats.agency.example", "uses": ["Dashboard", "Scripts and beacons", "Links"], "verified": True,
    "record_name": "_analytics-host.stats.agency.example", "record_value": "account=7",
    "check_result": "The record names this account.", "records": [RECORD_EXAMPLE],
}  # fmt: skip
BRAND_EXAMPLE = {
    "host": "stats.agency.example", "tracking_host": "", "name": "Agency Numbers", "logo": "", "accent": "#0a7f5a",
    "sender": "reports@agency.example", "verified": True, "check_result": "The record names this account.",
    "hosts": [HOST_EXAMPLE],
}  # fmt: skip
# Links and log-ins lead to the host, the other one serves scripts of websites: a stolen key must change neither
HOST_IS_FIXED = (
    "No program can change the hosts of the white label: an owner does under Settings → White label, after confirming "
    "that it is them."
)


class RecordSerializer(serializers.Serializer[object]):
    """A record of DNS that there should be, or the certificate, and what was found at the last check."""

    label = serializers.CharField(help_text="What it is for")  # type: ignore[assignment]
    type = serializers.CharField(help_text="Of the record; empty where there is no record to make")
    name = serializers.CharField()
    value = serializers.CharField()
    state = serializers.CharField(help_text=", ".join(FindingState.values))
    found = serializers.CharField(help_text="What is there, or a sentence about why nothing is")


class HostSerializer(serializers.Serializer[HostOverview]):
    """A host of the white label or of links."""

    host = serializers.CharField()
    uses = serializers.ListField(child=serializers.CharField(), help_text="What it is for")
    verified = serializers.BooleanField(help_text="It is served only then")
    record_name = serializers.CharField(help_text="Of the TXT record that verifies it")
    record_value = serializers.CharField()
    check_result = serializers.CharField(help_text="Of the last look for that record")
    records = RecordSerializer(many=True)

    def to_representation(self, instance: HostOverview) -> dict[str, object]:
        """Return the host with its records."""
        return {
            "host": instance.host,
            "uses": list(instance.uses),
            "verified": bool(instance.claim and instance.claim.verified),
            "record_name": instance.claim.record_name if instance.claim else "",
            "record_value": instance.claim.record_value if instance.claim else "",
            "check_result": instance.claim.check_result if instance.claim else "",
            "records": RecordSerializer(instance.records, many=True).data,
        }


@add_examples("A white label", BRAND_EXAMPLE, {"name": "Agency Numbers", "accent": "#0a7f5a"})
class BrandSerializer(ClosedSerializer):
    """The white label. The service validates the values."""

    host = serializers.CharField(
        required=False, allow_blank=True, max_length=253,
        help_text="Empty: off. An owner changes it on the page; here it may only be sent back as it is",
    )  # fmt: skip
    tracking_host = serializers.CharField(
        required=False, allow_blank=True, max_length=253,
        help_text="Of the tracking code, without pages; empty: the host itself. Changed like the host",
    )  # fmt: skip
    name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    logo = serializers.CharField(
        required=False, allow_blank=True, max_length=500,
        help_text="An https:// address; an uploaded logo comes before it",
    )  # fmt: skip
    accent = serializers.CharField(required=False, allow_blank=True, max_length=7, help_text="Such as #0a7f5a")
    sender = serializers.CharField(
        required=False, allow_blank=True, max_length=254,
        help_text="The address that mails come from, once its domain is verified; empty: noreply@ the host",
    )  # fmt: skip
    verified = serializers.BooleanField(read_only=True, help_text="The white label appears on the host only then")
    check_result = serializers.CharField(read_only=True, allow_blank=True, help_text="Of the last check in DNS")
    hosts = HostSerializer(many=True, read_only=True)

    def validate_host(self, value: str) -> str:
        """Raise ValidationError for another host than the present one."""
        if is_other_host(require_instance(self), "host", value):
            raise serializers.ValidationError(HOST_IS_FIXED)
        return value

    def validate_tracking_host(self, value: str) -> str:
        """Raise ValidationError for another host than the present one."""
        if is_other_host(require_instance(self), "tracking_host", value):
            raise serializers.ValidationError(HOST_IS_FIXED)
        return value

    def to_representation(self, instance: Account) -> dict[str, object]:
        """Return the account's white label with the state of its hosts."""
        claim = find_claim(instance, instance.brand.get("host", ""), Purpose.BRAND)
        return {
            **{name: instance.brand.get(name, "") for name in VALUES},
            "verified": bool(claim and claim.verified),
            "check_result": claim.check_result if claim else "",
            "hosts": [HostSerializer(host).data for host in build_overview(instance)],
        }


@extend_schema_view(
    get=extend_schema(summary="Show the white label"),
    patch=extend_schema(summary="Change the white label"),
)
class BrandDetail(ManagementView[Account], RetrieveUpdateAPIView[Account]):
    """The white label of the account: hosts, name, logo, accent colour and sender of mails."""

    area = Area.ACCOUNT
    serializer_class = BrandSerializer

    def get_object(self) -> Account:
        return self.get_membership("manage").account

    def perform_update(self, serializer: BaseSerializer[Account]) -> None:
        changes = {name: value for name, value in serializer.validated_data.items() if name not in HOST_FIELDS}
        serializer.instance = account_brand_set(account=self.get_object(), **changes)


class BrandCheck(ManagementView[Account]):
    """Looks up now where the white label's hosts lead and whether they are served."""

    area = Area.ACCOUNT
    serializer_class = BrandSerializer

    @extend_schema(
        summary="Check the hosts of the white label", request=None,
        responses=describe_responses(200, BrandSerializer, is_post=True),
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        account = self.get_membership("manage").account
        if wait := brand_hosts_check(account=account):
            raise exceptions.Throttled(wait)
        return Response(self.get_serializer(account).data)


FILE_EXAMPLE = {"kind": "logo", "version": "5f0c1b6f2f7f4a51"}


@extend_schema_serializer(examples=[OpenApiExample("A file", value={"content": "iVBORw0KGgo…"})])
class ImageUploadSerializer(ClosedSerializer):
    """The file of an image."""

    content = serializers.CharField(
        max_length=MAX_BYTES * 4 // 3 + 4,
        help_text="A PNG, JPEG, WebP or GIF file in base64. We store it as a PNG, a logo of at most 600 × 120 pixels",
    )

    def validate_content(self, value: str) -> bytes:
        """Decode the file. Raises ValidationError."""
        try:
            return b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise serializers.ValidationError("This is not base64.") from error


@add_examples("An image", FILE_EXAMPLE)
class BrandFileSerializer(ClosedSerializer):
    """An image of the white label."""

    kind = serializers.CharField(read_only=True, help_text=" or ".join(BrandFileKind.values))
    version = serializers.CharField(read_only=True, help_text="Of /brand/logo.png?v= on the white label's host")


class BrandFileViews(ManagementView[Account]):
    """Stores or removes the logo or the icon of the white label."""

    area = Area.ACCOUNT
    serializer_class = BrandFileSerializer

    def get_kind(self, kind: str) -> BrandFileKind:
        """Return the kind in the address. Raises Http404."""
        if kind not in BrandFileKind.values:
            raise Http404("A white label has a logo and an icon.")
        return BrandFileKind(kind)

    @extend_schema(
        summary="Upload an image of the white label",
        request=ImageUploadSerializer,
        responses=describe_responses(200, BrandFileSerializer, is_post=True),
    )
    def post(self, request: Request, kind: str) -> Response:
        account, known = self.get_membership("manage").account, self.get_kind(kind)
        upload = ImageUploadSerializer(data=request.data)
        upload.is_valid(raise_exception=True)
        row = brand_file_set(account=account, kind=known, data=upload.validated_data["content"])
        return Response(BrandFileSerializer(row).data)

    @extend_schema(summary="Remove an image of the white label", responses=describe_responses(204, None))
    def delete(self, request: Request, kind: str) -> Response:
        brand_file_remove(account=self.get_membership("manage").account, kind=self.get_kind(kind))
        return Response(status=204)
