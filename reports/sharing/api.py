"""The shared links of a site in the management API."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from accounts.api.lists import BooleanFilter, NameFilters
from accounts.api.resources import add_examples
from accounts.api.serializers import ClosedModelSerializer
from accounts.models import Area
from goals.selectors import filter_visible_segments
from reports.sharing.models import Share
from reports.sharing.services import share_create, share_revoke
from sites.site_resources import SiteResource

SHARE_EXAMPLE = {
    "id": 3, "name": "The client", "url": "https://stats.example/share/h8Tq2LmZ0cVx4RbN7yKd1WsE6uPj3GfA/",
    "segment": None, "has_password": True, "embed": False, "expires": None, "created": "2026-03-01T09:30:00Z",
}  # fmt: skip


@add_examples("A shared link", SHARE_EXAMPLE, {"name": "The client", "password": "a long enough word"})
class ShareSerializer(ClosedModelSerializer):
    """A shared link; its password is never answered."""

    segment = serializers.IntegerField(
        source="segment_id", required=False, allow_null=True, help_text="Only these visits; null: the whole site"
    )
    password = serializers.CharField(
        write_only=True, required=False, allow_blank=True, min_length=8, max_length=200,
        help_text="At least 8 characters. Empty: the link alone is enough",
    )  # fmt: skip
    has_password = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField(help_text="Whoever has it may read the report")

    class Meta:
        model = Share
        fields = ("id", "name", "url", "segment", "password", "has_password", "embed", "expires", "created")
        read_only_fields = ("id", "created")

    def get_has_password(self, share: Share) -> bool:
        return bool(share.password)

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_url(self, share: Share) -> str:
        request = cast(Request, self.context["request"])
        return request.build_absolute_uri(f"/share/{share.token}/")

    def validate_expires(self, expires: datetime | None) -> datetime | None:
        """Reject an instant that is over."""
        if expires is not None and expires <= timezone.now():
            raise serializers.ValidationError("This time has passed already.")
        return expires


class ShareFilters(NameFilters):
    embed = BooleanFilter()


class ShareViews(
    mixins.ListModelMixin, mixins.CreateModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin,
    SiteResource[Share],
):  # fmt: skip
    """Shared links that are not revoked: reports that can be read without logging in. DELETE revokes one for good."""

    area = Area.REPORTS
    noun, plural = "a shared link", "shared links"
    reads = "edit"
    queryset = Share.objects.none()
    serializer_class = ShareSerializer
    filterset_class = ShareFilters
    lookup_url_kwarg = "share_id"
    missing = "No such shared link."

    def get_queryset(self) -> QuerySet[Share]:
        return self.site.shares.filter(revoked=None)

    def perform_create(self, serializer: BaseSerializer[Share]) -> None:
        values, user = {**serializer.validated_data}, self.acting_user
        if number := values.pop("segment_id", None):
            visible = filter_visible_segments([self.site.pk], user.pk if user else None)
            values["segment"] = visible.filter(pk=number).first()
            if values["segment"] is None:
                raise ValidationError({"segment": f"There is no segment {number} on this site."})
        serializer.instance = share_create(site=self.site, user=user, **values)

    def perform_destroy(self, instance: Share) -> None:
        share_revoke(share=instance, now=timezone.now())
