"""The open widgets of a site in the management API. Its settings are `widget` of the site."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import mixins, serializers

from accounts.api.resources import add_examples
from accounts.api.serializers import ClosedModelSerializer
from accounts.models import Area
from reports.onsite.models import WidgetSession
from reports.onsite.services import widget_close
from sites.site_resources import SiteResource

OPEN_WIDGET_EXAMPLE = {
    "id": 12, "user": "bob@client.example", "origin": "https://shop.example", "created": "2026-03-01T09:30:00Z",
    "used": "2026-03-01T09:41:12Z", "expires": "2026-03-01T21:30:00Z",
}  # fmt: skip


@add_examples("An open widget", OPEN_WIDGET_EXAMPLE)
class OpenWidgetSerializer(ClosedModelSerializer):
    """A widget that somebody has opened on pages of the site."""

    user = serializers.EmailField(source="user.email", read_only=True, help_text="Who opened it")

    class Meta:
        model = WidgetSession
        fields = ("id", "user", "origin", "created", "used", "expires")
        read_only_fields = fields


class OpenWidgetViews(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, SiteResource[WidgetSession]
):
    """On-site widgets that are open now. DELETE closes one: its pages show no numbers from then on."""

    area = Area.SITES
    noun, plural = "an open widget", "open widgets"
    reads = "edit"
    queryset = WidgetSession.objects.none()
    serializer_class = OpenWidgetSerializer
    lookup_url_kwarg = "widget_id"
    missing = "No such widget."

    def get_queryset(self) -> QuerySet[WidgetSession]:
        return self.site.widget_sessions.open(timezone.now()).select_related("user")

    def perform_destroy(self, instance: WidgetSession) -> None:
        widget_close(widget=instance)
