"""Operations of templates of sites in the management API."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.lists import MAX_ID, NameFilters
from accounts.api.openapi import describe_responses
from accounts.api.resources import ResourceViews, add_examples
from accounts.api.serializers import ClosedModelSerializer, ClosedSerializer
from accounts.clients.models import SiteTemplate
from accounts.models import Account, Area
from accounts.selectors import get_agency_or_404, list_clients
from reports.agency.home import select_agency_sites
from reports.agency.services import site_template_apply, site_template_create, site_template_delete
from reports.agency.templates import describe_content
from reports.digests.models import Frequency
from sites.models import Site

TEMPLATE_EXAMPLE = {
    "id": 3, "name": "Shops", "content": [{"part": "Goals", "names": ["Order", "Newsletter"]}],
    "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
NEW_TEMPLATE_EXAMPLE = {"name": "Shops", "site": 100001, "privacy": True, "digest": "week"}


class TemplatePartSerializer(ClosedSerializer):
    part = serializers.CharField(help_text="Goals, Funnels, Alerts, Privacy or Reports by e-mail")
    names = serializers.ListField(child=serializers.CharField())


@add_examples("A new template", NEW_TEMPLATE_EXAMPLE, NEW_TEMPLATE_EXAMPLE)
class NewSiteTemplateSerializer(ClosedSerializer):
    name = serializers.CharField(max_length=120)
    site = serializers.IntegerField(min_value=1, max_value=MAX_ID, help_text="The site that it is read from")
    privacy = serializers.BooleanField(default=True, help_text="With the site's settings of privacy")
    digest = serializers.ChoiceField(
        choices=Frequency.choices,
        required=False,
        default="",
        allow_blank=True,
        help_text="How often owners of the account of each site get its report by e-mail",
    )


@add_examples("A template", TEMPLATE_EXAMPLE)
class SiteTemplateSerializer(ClosedModelSerializer):
    content = serializers.SerializerMethodField(help_text="What it sets up")

    class Meta:
        model = SiteTemplate
        fields = ("id", "name", "content", "created")
        read_only_fields = ("id", "created")

    @extend_schema_field(TemplatePartSerializer(many=True))
    def get_content(self, template: SiteTemplate) -> list[Mapping[str, object]]:
        return [{"part": part, "names": names} for part, names in describe_content(template.content)]


@add_examples("Two sites", {"sites": [100001, 100002]}, {"sites": [100001, 100002]})
class ChosenSitesSerializer(ClosedSerializer):
    sites = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID), help_text="Ids of sites of yours or of clients"
    )


class SiteTemplateViews(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    ResourceViews[SiteTemplate],
):
    """Templates of sites: each is read from a site that is set up, and sets up others."""

    area = Area.REPORTS
    noun, plural = "a template of sites", "templates of sites"
    queryset = SiteTemplate.objects.none()
    serializer_class = SiteTemplateSerializer
    filterset_class = NameFilters
    lookup_url_kwarg = "template_id"
    missing = "No such template."

    def get_agency(self) -> Account:
        """Return the account whose templates these are. Raises Http404."""
        return get_agency_or_404(self.get_membership("manage"), self.request.user)

    def get_queryset(self) -> QuerySet[SiteTemplate]:
        return self.get_agency().site_templates.all()

    @extend_schema(request=NewSiteTemplateSerializer, responses=describe_responses(201, SiteTemplateSerializer))
    def create(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Read a template from a site."""
        body = NewSiteTemplateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        (site,) = self.find_sites([values["site"]], "site")
        template = site_template_create(
            agency=self.get_agency(),
            name=values["name"],
            site=site,
            privacy=values["privacy"],
            digest=values["digest"],
        )
        return Response(self.get_serializer(template).data, status=201)

    def perform_destroy(self, instance: SiteTemplate) -> None:
        site_template_delete(template=instance)

    @extend_schema(
        summary="Set up sites by a template",
        request=ChosenSitesSerializer,
        responses=describe_responses(200, ChosenSitesSerializer, is_post=True),
    )
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, template_id: int) -> Response:
        """Set up all of the sites, or none. Goals, funnels and alerts of the same name stay as they are there."""
        template = self.get_object()
        body = ChosenSitesSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        sites = self.find_sites(body.validated_data["sites"], "sites")
        site_template_apply(template=template, sites=sites)
        return Response({"sites": [site.pk for site in sites]})

    def find_sites(self, ids: list[int], field: str) -> list[Site]:
        """Find sites of the agency and its clients. Raises ValidationError for an id that is none of theirs."""
        wanted = list(dict.fromkeys(ids))
        agency = self.get_agency()
        found = select_agency_sites(agency, list_clients(agency, self.request.user)).filter(pk__in=wanted)
        sites = {site.pk: site for site in found}
        for number in wanted:
            if number not in sites:
                raise ValidationError({field: f"There is no site {number} that you manage."})
        return [sites[number] for number in wanted]
