"""Management API of sites and their keys, below /api/v1/sites."""

from __future__ import annotations

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.management_view import ManagementView, paginate, validate_data
from accounts.permissions import get_acting_user
from sites.models import ApiKey, Site
from sites.selectors import get_site_for_actor, may_on_site, select_sites
from sites.services import api_key_create, api_key_revoke, site_create, site_delete, site_keys_rotate, site_update


class SiteSerializer(serializers.ModelSerializer[Site]):
    """A site's settings. The services validate the values, so that forms and API reject the same ones."""

    class Meta:
        model = Site
        fields = (
            "id", "account", "domain", "nickname", "timezone", "created", "allowed_hosts", "any_host", "addresses",
            "cookies", "respect_dnt", "retention_months", "excluded_ips", "excluded_pages", "excluded_countries",
            "proxy_addresses", "tracker",
        )  # fmt: skip
        read_only_fields = ("id", "account", "created")
        extra_kwargs = {"domain": {"required": True}, "timezone": {"required": False}}


class SiteKeysSerializer(SiteSerializer):
    """A site's settings with its keys, for users who may edit the site."""

    sitekey = serializers.CharField(read_only=True)
    sitekey_admin = serializers.CharField(read_only=True)

    class Meta(SiteSerializer.Meta):
        fields = (*SiteSerializer.Meta.fields, "proxy_secret", "sitekey", "sitekey_admin")  # type: ignore[assignment]


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    class Meta:
        model = ApiKey
        fields = (
            "id", "name", "prefix", "can_read", "can_track", "trusted", "created", "expires", "revoked", "last_used",
        )  # fmt: skip
        read_only_fields = ("id", "prefix", "created", "revoked", "last_used")


class NewKeySerializer(KeySerializer):
    """A key that was just created: the only response with its plain text."""

    api_key = serializers.CharField(read_only=True)

    class Meta(KeySerializer.Meta):
        fields = (*KeySerializer.Meta.fields, "api_key")  # type: ignore[assignment]


def serialize_site(request: Request, site: Site) -> dict[str, object]:
    """Serialize a site as the caller may see it: with its keys only if they may edit it."""
    may_edit = may_on_site(request.user, site, "edit")
    return (SiteKeysSerializer if may_edit else SiteSerializer)(site).data


class SiteListView(ManagementView):
    """List the sites that the caller may see; POST creates one in an account that they manage."""

    @extend_schema(responses=SiteSerializer(many=True))
    def get(self, request: Request) -> Response:
        return paginate(request, select_sites(request.user), SiteSerializer)

    @extend_schema(request=SiteKeysSerializer, responses={201: SiteKeysSerializer})
    def post(self, request: Request) -> Response:
        account = self.get_membership("manage").account
        values = validate_data(SiteKeysSerializer(data=request.data))
        site = site_create(account=account, **{"timezone": account.timezone, **values})
        return Response(SiteKeysSerializer(site).data, status=status.HTTP_201_CREATED)


class SiteView(ManagementView):
    """Show, change or delete one site."""

    @extend_schema(responses=SiteKeysSerializer)
    def get(self, request: Request, site_id: int) -> Response:
        return Response(serialize_site(request, get_site_for_actor(request.user, site_id)))

    @extend_schema(request=SiteKeysSerializer, responses=SiteKeysSerializer)
    def patch(self, request: Request, site_id: int) -> Response:
        site = get_site_for_actor(request.user, site_id, may="edit")
        values = validate_data(SiteKeysSerializer(site, data=request.data, partial=True))
        return Response(serialize_site(request, site_update(site=site, **values)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, site_id: int) -> Response:
        site_delete(site=get_site_for_actor(request.user, site_id, may="manage"))
        return Response(status=status.HTTP_204_NO_CONTENT)


class SiteKeyListView(ManagementView):
    """List the `ck_` keys of a site that are not revoked; POST creates one."""

    @extend_schema(responses=KeySerializer(many=True))
    def get(self, request: Request, site_id: int) -> Response:
        site = get_site_for_actor(request.user, site_id, may="edit")
        return paginate(request, site.api_keys.filter(revoked=None).order_by("pk"), KeySerializer)

    @extend_schema(request=KeySerializer, responses={201: NewKeySerializer})
    def post(self, request: Request, site_id: int) -> Response:
        site = get_site_for_actor(request.user, site_id, may="edit")
        user = get_acting_user(request.user)
        key, plain = api_key_create(site=site, user=user, **validate_data(KeySerializer(data=request.data)))
        key.api_key = plain  # type: ignore[attr-defined]
        return Response(NewKeySerializer(key).data, status=status.HTTP_201_CREATED)


class SiteKeyView(ManagementView):
    """Revoke one key with DELETE."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, site_id: int, key_id: int) -> Response:
        key = get_site_for_actor(request.user, site_id, may="edit").api_keys.filter(pk=key_id, revoked=None).first()
        if key is None:
            raise Http404("No such key.")
        api_key_revoke(key=key)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SiteKeysRotationView(ManagementView):
    """Replace `sitekey` and `sitekey_admin` with POST."""

    @extend_schema(request=None, responses=SiteKeysSerializer)
    def post(self, request: Request, site_id: int) -> Response:
        site = site_keys_rotate(site=get_site_for_actor(request.user, site_id, may="edit"))
        return Response(SiteKeysSerializer(site).data)
