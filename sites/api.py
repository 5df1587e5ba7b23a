"""Management API of sites and their keys, below /api/v1/sites."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404
from django_filters.rest_framework import CharFilter, FilterSet, IsoDateTimeFilter
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import exceptions, serializers
from rest_framework.generics import DestroyAPIView, ListCreateAPIView, RetrieveUpdateDestroyAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api.lists import BooleanFilter, IdFilter
from accounts.api.management_view import ManagementView
from accounts.api.openapi import describe_responses
from accounts.api.resources import add_examples
from accounts.api.serializers import ClosedModelSerializer, require_instance
from accounts.audit.repetition import record_shown
from accounts.custom_domains.claim_checks import claim_check_now
from accounts.models import Area, HostClaim, Purpose
from accounts.permissions import get_acting_user, may_read_secrets
from accounts.selectors import find_claim
from sites.models import ApiKey, Site
from sites.selectors import get_site_for_actor, may_on_site, select_sites
from sites.services import api_key_create, api_key_revoke, site_create, site_delete, site_keys_rotate, site_update
from sites.widget_settings import WIDGET_FIELDS

SITE_EXAMPLE = {
    "id": 100001, "account": 7, "domain": "shop.example", "nickname": "Shop", "labels": ["retail"],
    "timezone": "Europe/Tallinn", "created": "2026-03-01T09:30:00Z", "allowed_hosts": ["*shop.example"],
    "any_host": False, "addresses": "truncate", "cookies": "off", "respect_dnt": True, "retention_months": 0,
    "excluded_ips": ["192.0.2.0/24"], "excluded_pages": ["/admin/*"], "excluded_countries": [], "proxy_addresses": [],
    "tracker": {"hash_routes": True}, "widget": {"open_to": "team", "look": "round"},
}  # fmt: skip
SITE_KEYS_EXAMPLE = {
    **SITE_EXAMPLE, "proxy_secret": "", "sitekey": "1f3c5e7a9b2d4f60", "sitekey_admin": "0a1b2c3d4e5f60718293",
}  # fmt: skip
NEW_KEY_EXAMPLE = {"name": "Reports", "can_read": True, "can_track": False}
KEY_EXAMPLE = {
    "id": 31, "name": "Reports", "prefix": "ck_5f2d81a", "can_read": True, "can_track": False, "trusted": False,
    "created": "2026-05-02T10:00:00Z", "expires": None, "revoked": None, "last_used": "2026-05-20T07:45:12Z",
}  # fmt: skip
DOMAIN_CHECK_EXAMPLE = {
    "host": "shop.example", "verified": None, "checked": "2026-05-20T07:45:12Z",
    "check_result": "There is no TXT record yet.",
}  # fmt: skip
PLAIN_KEY_EXAMPLE = {**KEY_EXAMPLE, "last_used": None, "api_key": "ck_5f2d81a0c4b94e7d8a6f3b1c2d0e9f78"}


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class TextListField(serializers.JSONField):
    """A list of texts, which the service validates."""


@extend_schema_field({"type": "object", "additionalProperties": {"type": ["boolean", "integer", "string"]}})
class TrackerField(serializers.JSONField):
    """The tracker's settings by name, which the service validates."""


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class WidgetField(serializers.JSONField):
    """The settings of the on-site widget by name, which the service validates."""


@extend_schema_serializer(examples=[OpenApiExample("A site", value=SITE_EXAMPLE, response_only=True)])
class SiteSerializer(ClosedModelSerializer):
    """A site's settings. The services validate the values, so that forms and API reject the same ones."""

    labels = TextListField(required=False, help_text="Words by which you group sites")
    allowed_hosts = TextListField(required=False, help_text="Further hosts that may send hits: `*example.org`")
    excluded_ips = TextListField(required=False, help_text="Addresses and networks")
    excluded_pages = TextListField(required=False, help_text="Paths, `*` as wildcard")
    excluded_countries = TextListField(required=False, help_text="ISO codes; A1 = data-centre network")
    proxy_addresses = TextListField(required=False, help_text="Proxies whose X-Forwarded-For is trusted")
    tracker = TrackerField(required=False, help_text="Settings of the tracker by name")
    widget = WidgetField(required=False, help_text=f"Settings of the on-site widget: {', '.join(WIDGET_FIELDS)}")

    class Meta:
        model = Site
        fields: tuple[str, ...] = (
            "id", "account", "domain", "nickname", "timezone", "labels", "created", "allowed_hosts", "any_host",
            "addresses", "cookies", "respect_dnt", "retention_months", "excluded_ips", "excluded_pages",
            "excluded_countries", "proxy_addresses", "tracker", "widget",
        )  # fmt: skip
        read_only_fields = ("id", "account", "created")
        extra_kwargs = {"domain": {"required": True}, "timezone": {"required": False}}


@extend_schema_serializer(
    examples=[
        OpenApiExample("A site with its keys", value=SITE_KEYS_EXAMPLE, response_only=True),
        OpenApiExample("Some settings", value={"domain": "shop.example", "addresses": "drop"}, request_only=True),
    ]
)
class SiteKeysSerializer(SiteSerializer):
    """A site's settings with its keys, for users who may edit the site."""

    sitekey = serializers.CharField(read_only=True)
    sitekey_admin = serializers.CharField(read_only=True)

    class Meta(SiteSerializer.Meta):
        fields = (*SiteSerializer.Meta.fields, "proxy_secret", "sitekey", "sitekey_admin")


@extend_schema_serializer(
    examples=[
        OpenApiExample("A key that reads", value=KEY_EXAMPLE, response_only=True),
        OpenApiExample("A new key that reads", value=NEW_KEY_EXAMPLE, request_only=True),
    ]
)
class KeySerializer(ClosedModelSerializer):
    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            "id", "name", "prefix", "can_read", "can_track", "trusted", "created", "expires", "revoked", "last_used",
        )  # fmt: skip
        read_only_fields = ("id", "prefix", "created", "revoked", "last_used")


@extend_schema_serializer(examples=[OpenApiExample("A key, this once in plain text", value=PLAIN_KEY_EXAMPLE)])
class NewKeySerializer(KeySerializer):
    """A key that was just created: the only response with its plain text."""

    api_key = serializers.CharField(read_only=True)

    class Meta(KeySerializer.Meta):
        fields = (*KeySerializer.Meta.fields, "api_key")


SITE_AS_SEEN = OpenApiResponse(
    PolymorphicProxySerializer(
        component_name="SiteAsSeen", serializers=[SiteSerializer, SiteKeysSerializer], resource_type_field_name=None
    ),
    examples=[
        OpenApiExample("For those who may edit it", value=SITE_KEYS_EXAMPLE),
        OpenApiExample("For readers", value=SITE_EXAMPLE),
    ],
)


class SiteFilters(FilterSet):
    account = IdFilter()
    domain = CharFilter(lookup_expr="icontains", label="Text that the domain contains")
    nickname = CharFilter(lookup_expr="icontains", label="Text that the nickname contains")
    created_after = IsoDateTimeFilter(field_name="created", lookup_expr="gte", label="Created then or later")
    created_before = IsoDateTimeFilter(field_name="created", lookup_expr="lt", label="Created earlier")


class KeyFilters(FilterSet):
    name = CharFilter(lookup_expr="icontains", label="Text that the name contains")
    can_read = BooleanFilter()
    can_track = BooleanFilter()
    trusted = BooleanFilter()


@extend_schema_view(
    get=extend_schema(summary="List sites"),
    post=extend_schema(summary="Create a site"),
)
class SiteListView(ManagementView[Site], ListCreateAPIView[Site]):
    """List the sites that the caller may see; POST creates one in an account that they manage."""

    area = Area.SITES
    queryset = Site.objects.none()
    filterset_class = SiteFilters
    ordering = ("domain", "pk")

    def get_queryset(self) -> QuerySet[Site]:
        return select_sites(self.request.user)

    def get_serializer_class(self) -> type[BaseSerializer[Site]]:
        return SiteKeysSerializer if self.request.method == "POST" else SiteSerializer

    def perform_create(self, serializer: BaseSerializer[Site]) -> None:
        account = self.get_membership("manage").account
        serializer.instance = site_create(
            account=account, **{"timezone": account.timezone, **serializer.validated_data}
        )


@extend_schema_view(
    patch=extend_schema(summary="Change settings of a site"),
    delete=extend_schema(summary="Delete a site"),
)
class SiteView(ManagementView[Site], RetrieveUpdateDestroyAPIView[Site]):
    """Show, change or delete one site."""

    area = Area.SITES
    queryset = Site.objects.none()
    serializer_class = SiteKeysSerializer

    def get_object(self) -> Site:
        may = {"PATCH": "edit", "DELETE": "manage"}.get(self.request.method or "", "view")
        return get_site_for_actor(self.request.user, self.kwargs["site_id"], may)

    @extend_schema(summary="Show a site", responses=describe_responses(200, SITE_AS_SEEN))
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Show a site as the caller may see it: with its keys, which is recorded, only if they may edit it. A personal
        token needs `sites:write` for them.
        """
        site = self.get_object()
        if not (may_on_site(request.user, site, "edit") and may_read_secrets(request.user, self.area)):
            return Response(SiteSerializer(site).data)
        record_shown("site_keys.shown", site, f"{site.sitekey_admin} {site.proxy_secret}")
        return Response(self.get_serializer(site).data)

    def perform_update(self, serializer: BaseSerializer[Site]) -> None:
        serializer.instance = site = site_update(site=require_instance(serializer), **serializer.validated_data)
        record_shown("site_keys.shown", site, f"{site.sitekey_admin} {site.proxy_secret}")  # the answer has them

    def perform_destroy(self, instance: Site) -> None:
        site_delete(site=instance)


@add_examples("A domain that is not verified yet", DOMAIN_CHECK_EXAMPLE)
class DomainCheckSerializer(ClosedModelSerializer):
    verified = serializers.DateTimeField(read_only=True, allow_null=True, help_text="null: not verified")

    class Meta:
        model = HostClaim
        fields = ("host", "verified", "checked", "check_result")
        read_only_fields = fields


class DomainCheck(ManagementView[Site]):
    """Looks now for the DNS record that verifies the site's domain."""

    area = Area.SITES
    queryset = Site.objects.none()
    serializer_class: type[BaseSerializer[Site]] = DomainCheckSerializer

    @extend_schema(
        summary="Check the domain of a site",
        request=None,
        responses=describe_responses(200, DomainCheckSerializer, is_post=True),
    )
    def post(self, request: Request, site_id: int) -> Response:
        site = get_site_for_actor(request.user, site_id, may="edit")
        claim = find_claim(site.account, site.domain, Purpose.SITE)
        if claim is None:
            raise Http404("The name of this site is not public, so it cannot be verified.")
        if wait := claim_check_now(claim):
            raise exceptions.Throttled(wait)
        claim.refresh_from_db()
        return Response(DomainCheckSerializer(claim).data)


class SiteKeysView(ManagementView[ApiKey]):
    """The base of views of the `ck_` keys of a site that are not revoked, for those who may edit the site."""

    area = Area.SITES
    queryset = ApiKey.objects.none()
    serializer_class: type[BaseSerializer[ApiKey]] = KeySerializer

    def get_site(self) -> Site:
        """Fetch the site. Raises Http404."""
        return get_site_for_actor(self.request.user, self.kwargs["site_id"], may="edit")

    def get_queryset(self) -> QuerySet[ApiKey]:
        return self.get_site().api_keys.filter(revoked=None)


@extend_schema_view(
    get=extend_schema(summary="List the keys of a site"),
)
class SiteKeyListView(SiteKeysView, ListCreateAPIView[ApiKey]):
    """List the keys; POST creates one."""

    filterset_class = KeyFilters
    ordering = ("pk",)

    @extend_schema(summary="Create a key", responses=describe_responses(201, NewKeySerializer))
    def post(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Create a key. Its plain text is in this answer only."""
        site = self.get_site()
        serializer = KeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        key, plain = api_key_create(site=site, user=get_acting_user(request.user), **serializer.validated_data)
        key.api_key = plain  # type: ignore[attr-defined]
        return Response(NewKeySerializer(key).data, status=201)


@extend_schema_view(
    delete=extend_schema(summary="Revoke a key"),
)
class SiteKeyView(SiteKeysView, DestroyAPIView[ApiKey]):
    """Revoke one key with DELETE."""

    lookup_url_kwarg = "key_id"
    missing = "No such key."

    def perform_destroy(self, instance: ApiKey) -> None:
        api_key_revoke(key=instance)


class SiteKeysRotationView(ManagementView[Site]):
    """Replace `sitekey` and `sitekey_admin` with POST."""

    area = Area.SITES
    queryset = Site.objects.none()
    serializer_class = SiteKeysSerializer

    @extend_schema(
        summary="Replace both site keys",
        request=None,
        responses=describe_responses(200, SiteKeysSerializer, is_post=True),
    )
    def post(self, request: Request, site_id: int) -> Response:
        site = site_keys_rotate(site=get_site_for_actor(request.user, site_id, may="edit"))
        return Response(self.get_serializer(site).data)
