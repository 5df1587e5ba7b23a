"""The caller's digests in the management API."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404
from django_filters.rest_framework import ChoiceFilter, FilterSet
from rest_framework import serializers
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts.api.resources import ResourceViews, add_examples
from accounts.api.serializers import ClosedModelSerializer, require_instance
from accounts.models import Area, User
from accounts.permissions import Bearer
from reports.digests.models import DigestSubscription, Frequency
from reports.digests.services import subscription_delete, subscription_save
from sites.models import Site
from sites.selectors import select_sites

DIGEST_EXAMPLE = {
    "id": 9, "frequency": "week", "sites": [100001], "attach_csv": False, "enabled": True,
    "created": "2026-03-01T09:30:00Z",
}  # fmt: skip


@add_examples("A digest", DIGEST_EXAMPLE, {"frequency": "week", "sites": [100001]})
class DigestSerializer(ClosedModelSerializer):
    sites = serializers.ListField(
        child=serializers.IntegerField(), required=False, help_text="Ids of sites; an empty list: all you may see"
    )

    class Meta:
        model = DigestSubscription
        fields = ("id", "frequency", "sites", "attach_csv", "enabled", "created")
        read_only_fields = ("id", "enabled", "created")


class DigestFilters(FilterSet):
    frequency = ChoiceFilter(choices=Frequency.choices)


class DigestViews(ResourceViews[DigestSubscription], ModelViewSet[DigestSubscription]):
    """Reports by e-mail to the caller. A change switches a digest on that was stopped."""

    area = Area.REPORTS
    noun, plural = "a digest", "digests"
    queryset = DigestSubscription.objects.none()
    serializer_class = DigestSerializer
    filterset_class = DigestFilters
    lookup_url_kwarg = "subscription_id"
    missing = "No such digest."

    def get_queryset(self) -> QuerySet[DigestSubscription]:
        return DigestSubscription.objects.filter(user=self.get_user())

    def perform_create(self, serializer: BaseSerializer[DigestSubscription]) -> None:
        self.save_row(serializer, DigestSubscription(user=self.get_user()))

    def perform_update(self, serializer: BaseSerializer[DigestSubscription]) -> None:
        self.save_row(serializer, require_instance(serializer))

    def perform_destroy(self, instance: DigestSubscription) -> None:
        subscription_delete(subscription=instance)

    def save_row(self, serializer: BaseSerializer[DigestSubscription], row: DigestSubscription) -> None:
        """Save a digest with the values of the body. Raises ValidationError for a site that the caller may not see."""
        values = serializer.validated_data
        sites = self.find_sites(values.get("sites", row.sites))
        serializer.instance = subscription_save(
            user=row.user,
            frequency=values.get("frequency", row.frequency),
            sites=sites,
            attach_csv=values.get("attach_csv", row.attach_csv),
            existing=row if row.pk else None,
        )

    def get_user(self) -> User:
        """Return the person who acts, logged in or by a personal token. Raises Http404 for others.

        Authkeys may be known to others as well, and a digest of all sites is beyond a token that is limited to some.
        """
        actor = self.request.user
        if isinstance(actor, Bearer) and actor.token is not None and actor.site_ids is None:
            return actor.membership.user
        if isinstance(actor, User):
            return actor
        raise Http404("Digests belong to a person; an authkey has none.")

    def find_sites(self, ids: Iterable[int]) -> list[Site]:
        """Find the sites of these ids. Raises ValidationError for one that the caller may not see."""
        wanted = list(dict.fromkeys(ids))
        sites_by_id = {site.pk: site for site in select_sites(self.request.user).filter(pk__in=wanted)}
        for number in wanted:
            if number not in sites_by_id:
                raise ValidationError({"sites": f"There is no site {number} that you may see."})
        return [sites_by_id[number] for number in wanted]
