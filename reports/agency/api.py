"""Operations of an agency in the management API: its clients, their sites with figures, many new sites, moves."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone as clock
from django_filters.rest_framework import CharFilter, FilterSet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts.api.lists import MAX_ID
from accounts.api.management_view import ManagementView
from accounts.api.openapi import describe_responses
from accounts.api.resources import ResourceViews, add_examples
from accounts.api.serializers import ClosedModelSerializer, ClosedSerializer, require_instance
from accounts.clients.models import ClientAccount
from accounts.models import Account, Area
from accounts.permissions import Bearer, get_acting_user, list_memberships, membership_may
from accounts.selectors import get_agency_or_404, list_clients
from accounts.services import account_update
from accounts.services.clients import client_create, client_labels_set, client_release
from reports.agency.figures import SiteFigures, load_figures, load_traffic
from reports.agency.home import DEFAULT_PERIOD, PERIODS, select_agency_sites
from reports.query import Period
from reports.query.model import MAX_SITES
from sites.api import SITE_EXAMPLE, SiteSerializer
from sites.models import Site
from sites.selectors import get_site_for_actor
from sites.services import NewSite, sites_create
from sites.site_moves import site_move

CLIENT_EXAMPLE = {
    "id": 12, "name": "Shop Ltd", "timezone": "Europe/Tallinn", "labels": ["retail"],
    "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
NEW_SITES_EXAMPLE = {"sites": [{"domain": "shop.example", "nickname": "Shop"}, {"domain": "blog.example"}]}
FIGURES_EXAMPLE = {
    "period": "7d", "timezone": "Europe/Tallinn", "sites": [{
        "id": 100001, "account": 12, "domain": "shop.example", "visitors": 1240, "visitors_before": 1100,
        "conversions": 31, "revenue": "1840.50", "currency": "EUR", "uptime": 99.98, "down": False, "alerts": 0,
        "last_event": "2026-05-20T07:45:12Z",
    }],
}  # fmt: skip


@add_examples("A client", CLIENT_EXAMPLE, {"name": "Shop Ltd", "labels": ["retail"]})
class ClientSerializer(ClosedModelSerializer):
    id = serializers.IntegerField(source="account_id", read_only=True, help_text="The number of its account")
    name = serializers.CharField(source="account.name", max_length=120)
    timezone = serializers.CharField(source="account.timezone", max_length=64, required=False)
    labels = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, help_text="By which you group clients"
    )

    class Meta:
        model = ClientAccount
        fields = ("id", "name", "timezone", "labels", "created")
        read_only_fields = ("id", "created")


class ClientFilters(FilterSet):
    name = CharFilter(field_name="account__name", lookup_expr="icontains", label="Text that the name contains")


class ClientViews(ResourceViews[ClientAccount], ModelViewSet[ClientAccount]):
    """Clients of the account: accounts below it. DELETE makes one independent, if it has an owner of its own."""

    area = Area.ACCOUNT
    noun, plural = "a client", "clients"
    queryset = ClientAccount.objects.none()
    serializer_class = ClientSerializer
    filterset_class = ClientFilters
    lookup_url_kwarg = "client_id"
    missing = "No such client."

    def get_agency(self) -> Account:
        """Return the account whose clients these are. Raises Http404."""
        return get_agency_or_404(self.get_membership("manage"), self.request.user)

    def get_queryset(self) -> QuerySet[ClientAccount]:
        return list_clients(self.get_agency(), self.request.user).order_by("pk")

    def perform_create(self, serializer: BaseSerializer[ClientAccount]) -> None:
        values = serializer.validated_data
        account = values["account"]
        serializer.instance = client_create(
            agency=self.get_agency(),
            name=account["name"],
            timezone=account.get("timezone"),
            labels=values.get("labels", ()),
        )

    @transaction.atomic
    def perform_update(self, serializer: BaseSerializer[ClientAccount]) -> None:
        client, values = require_instance(serializer), serializer.validated_data
        if "account" in values:
            account_update(account=client.account, **values["account"])
        if "labels" in values:
            client_labels_set(client=client, labels=values["labels"])
        serializer.instance = client

    def perform_destroy(self, instance: ClientAccount) -> None:
        client_release(client=instance, by=get_acting_user(self.request.user))


class NewSiteSerializer(ClosedSerializer):
    domain = serializers.CharField(max_length=253)
    nickname = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    timezone = serializers.CharField(
        max_length=64, required=False, allow_blank=True, default="", help_text="The account's, unless given"
    )


@add_examples("Two sites", NEW_SITES_EXAMPLE, NEW_SITES_EXAMPLE)
class NewSitesSerializer(ClosedSerializer):
    sites = NewSiteSerializer(many=True)


@add_examples("The new sites", {"sites": [SITE_EXAMPLE]})
class CreatedSitesSerializer(ClosedSerializer):
    sites = SiteSerializer(many=True)


class ClientSites(ManagementView[ClientAccount]):
    """Creates many sites of a client at once."""

    area = Area.SITES
    queryset = ClientAccount.objects.none()
    serializer_class: type[BaseSerializer[ClientAccount]] = NewSitesSerializer
    lookup_url_kwarg = "client_id"
    missing = "No such client."

    def get_queryset(self) -> QuerySet[ClientAccount]:
        agency = get_agency_or_404(self.get_membership("manage"), self.request.user)
        return list_clients(agency, self.request.user)

    @extend_schema(
        summary="Create many sites of a client",
        request=NewSitesSerializer,
        responses=describe_responses(201, CreatedSitesSerializer),
    )
    def post(self, request: Request, client_id: int) -> Response:
        """Create all of the sites, or none: then the error names each that is wrong, by its place in the list."""
        client = self.get_object()
        body = NewSitesSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        sites = sites_create(account=client.account, sites=[NewSite(**row) for row in body.validated_data["sites"]])
        return Response(CreatedSitesSerializer({"sites": sites}).data, status=201)


class SiteFiguresSerializer(ClosedSerializer):
    id = serializers.IntegerField(help_text="The number of the site")
    account = serializers.IntegerField(help_text="The number of the client's account, or of your own")
    domain = serializers.CharField()
    visitors = serializers.IntegerField()
    visitors_before = serializers.IntegerField(help_text="In as many days before")
    conversions = serializers.IntegerField()
    revenue = serializers.CharField(help_text="In the currency in which most was earned")
    currency = serializers.CharField(allow_blank=True)
    uptime = serializers.FloatField(allow_null=True, help_text="Percent of the watched time; null: not watched")
    down = serializers.BooleanField(help_text="A monitor of the site is down now")
    alerts = serializers.IntegerField(help_text="That notified in the last 24 hours")
    last_event = serializers.DateTimeField(allow_null=True, help_text="null: none in 90 days")


@add_examples("The sites of all clients", FIGURES_EXAMPLE)
class SiteTableSerializer(ClosedSerializer):
    period = serializers.CharField()
    timezone = serializers.CharField(help_text="Whose days are counted, for all sites alike")
    sites = SiteFiguresSerializer(many=True)


class ClientSiteTable(ManagementView[ClientAccount]):
    """The sites of the account and of its clients with their figures, by domain."""

    area = Area.REPORTS
    queryset = ClientAccount.objects.none()
    serializer_class: type[BaseSerializer[ClientAccount]] = SiteTableSerializer

    @extend_schema(
        summary="Show the figures of all clients' sites",
        parameters=[OpenApiParameter("period", enum=list(PERIODS), default=DEFAULT_PERIOD, description="The days")],
        responses=describe_responses(200, SiteTableSerializer),
    )
    def get(self, request: Request) -> Response:
        agency = get_agency_or_404(self.get_membership("manage"), self.request.user)
        name = request.query_params.get("period", DEFAULT_PERIOD)
        if name not in PERIODS:
            raise ValidationError({"period": f"Must be one of: {', '.join(PERIODS)}."})
        now = clock.now()
        clients, period = list_clients(agency, request.user), Period.parse(name, agency.timezone, now)
        sites = list(select_agency_sites(agency, clients)[:MAX_SITES])
        ids = [site.pk for site in sites]
        table = load_figures(ids, period, now, load_traffic(ids, period, now) if ids else None)
        rows = [build_row(site, table.figures[site.pk]) for site in sites]
        return Response({"period": name, "timezone": agency.timezone, "sites": rows})


def build_row(site: Site, figures: SiteFigures) -> dict[str, object]:
    """Build the row of a site."""
    return SiteFiguresSerializer({
        "id": site.pk, "account": site.account_id, "domain": site.domain, "visitors": figures.visitors,
        "visitors_before": figures.visitors_before, "conversions": figures.conversions,
        "revenue": f"{figures.revenue.amount:.2f}", "currency": figures.revenue.currency, "uptime": figures.uptime,
        "down": figures.down, "alerts": figures.alerts, "last_event": figures.last_event,
    }).data  # fmt: skip


@add_examples("Another account", {"account": 12}, {"account": 12})
class SiteMoveSerializer(ClosedSerializer):
    account = serializers.IntegerField(
        min_value=1, max_value=MAX_ID, help_text="The number of an account that you manage, or of a client of yours"
    )


class SiteMove(ManagementView[Site]):
    """Moves a site to another account."""

    area = Area.SITES
    queryset = Site.objects.none()
    serializer_class: type[BaseSerializer[Site]] = SiteMoveSerializer

    @extend_schema(
        summary="Move a site to another account",
        request=SiteMoveSerializer,
        responses=describe_responses(200, SiteSerializer, is_post=True),
    )
    def post(self, request: Request, site_id: int) -> Response:
        """Move the site with its history: it keeps its number and its keys, and all reports answer what they did."""
        site = get_site_for_actor(request.user, site_id, may="manage")
        body = SiteMoveSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        number = body.validated_data["account"]
        account = next((account for account in self.list_accounts() if account.pk == number), None)
        if account is None:
            raise ValidationError({"account": f"There is no account {number} that you manage."})
        return Response(SiteSerializer(site_move(site=site, account=account, by=get_acting_user(request.user))).data)

    def list_accounts(self) -> Iterable[Account]:
        """List the accounts that the caller manages. A key manages its own, whose clients are listed beside it."""
        managed = [row.account for row in list_memberships(self.request.user) if membership_may(row, "manage")]
        if not isinstance(self.request.user, Bearer):
            return managed
        try:
            agency = get_agency_or_404(self.get_membership("manage"), self.request.user)
        except Http404:  # the account is itself a client
            return managed
        return [*managed, *(client.account for client in list_clients(agency, self.request.user))]
