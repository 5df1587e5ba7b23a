"""Personal data of a site's visitors: a page and an API to export and to erase it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import orjson
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.management_view import ManagementView
from sites.models import Site
from sites.selectors import get_site_for_actor, get_site_or_404
from sites.settings_pages import build_settings_context
from tracking import data_requests

PERSON_CHOICES = [
    ("ip", "IP address"),
    ("visitor", "Visitor number"),
    ("username", "User name"),
    ("tag:email", "E-mail"),
]
PARAMETERS = [
    OpenApiParameter("by", str, required=True, description="ip, visitor, username or tag:<key>"),
    OpenApiParameter("value", str, required=True),
]


T = TypeVar("T")


class PersonalDataForm(forms.Form):
    """Selects the person, and confirms erasure."""

    by = forms.ChoiceField(choices=PERSON_CHOICES, label="Find the person by")
    value = forms.CharField(max_length=500, label="Which is")
    sure = forms.BooleanField(required=False, label="Erase for good, from every report")


@login_required
def personal_data(request: HttpRequest, site_id: int) -> HttpResponseBase:
    """Look up a person, download what is stored about them, or erase it."""
    site = get_site_or_404(request, site_id, may="edit")
    form = PersonalDataForm(request.POST or None)
    visit_count: int | None = None
    if request.method == "POST" and form.is_valid():
        by, value = form.cleaned_data["by"], form.cleaned_data["value"]
        action = request.POST.get("action")
        try:
            if action == "erase" and form.cleaned_data["sure"]:
                erased = data_requests.erase_person(site.pk, by, value)
                messages.success(request, f"{erased} visits were erased.")
                return redirect("tracking:personal-data", site.pk)
            if action == "export":
                return download(site, by, value)
            if action == "erase":
                form.add_error("sure", "Tick this to confirm: erased data cannot be restored.")
            visit_count = len(data_requests.find_visits(site.pk, by, value))
        except ValueError as error:
            form.add_error("value", str(error))
    context = {**build_settings_context(request, site, "personal-data"), "form": form, "visit_count": visit_count}
    return render(request, "tracking/personal_data.html", context)


def download(site: Site, by: str, value: str) -> StreamingHttpResponse:
    """Return the person's rows as a file of JSON lines."""
    lines = (orjson.dumps(row, default=str) + b"\n" for row in data_requests.export_person(site.pk, by, value))
    response = StreamingHttpResponse(lines, content_type="application/x-ndjson")
    response["Content-Disposition"] = f'attachment; filename="personal-data-{site.pk}.ndjson"'
    return response


class PersonalData(ManagementView):
    """The data that is stored about one person of a site."""

    def parse_person(self, request: Request, site_id: int) -> tuple[int, str, str]:
        site = get_site_for_actor(request.user, site_id, may="edit")
        by, value = request.query_params.get("by", ""), request.query_params.get("value", "")
        if not value:
            raise serializers.ValidationError({"value": ["Name the person, such as ?by=ip&value=203.0.113.7."]})
        return site.pk, by, value

    @extend_schema(parameters=PARAMETERS, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, site_id: int) -> Response:
        """Return everything that is stored about the person."""
        return Response(
            {"rows": self.run_or_reject(lambda *who: list(data_requests.export_person(*who)), request, site_id)}
        )

    @extend_schema(parameters=PARAMETERS, responses=OpenApiTypes.OBJECT)
    def delete(self, request: Request, site_id: int) -> Response:
        """Erase the person's visits everywhere."""
        return Response({"erased_visits": self.run_or_reject(data_requests.erase_person, request, site_id)})

    def run_or_reject(self, operation: Callable[[int, str, str], T], request: Request, site_id: int) -> T:
        """Run an operation for the requested person; a ValueError becomes a validation error of `by`."""
        try:
            return operation(*self.parse_person(request, site_id))
        except ValueError as error:
            raise serializers.ValidationError({"by": [str(error)]}) from error
