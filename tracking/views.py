"""Personal data of a site's visitors: a page and an API to give it out and to erase it."""

from __future__ import annotations

from typing import Any

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

from accounts.api import ManagementView
from sites.access import site_for, site_of
from sites.models import Site
from sites.navigation import settings_context
from tracking import personal

BY = [("ip", "IP address"), ("visitor", "Visitor number"), ("username", "User name"), ("tag:email", "E-mail")]
PARAMETERS = [
    OpenApiParameter("by", str, required=True, description="ip, visitor, username or tag:<key>"),
    OpenApiParameter("value", str, required=True),
]


class PersonForm(forms.Form):
    """Whose data."""

    by = forms.ChoiceField(choices=BY, label="Find the person by")
    value = forms.CharField(max_length=500, label="Which is")
    sure = forms.BooleanField(required=False, label="Erase for good, from every report")


@login_required
def personal_data(request: HttpRequest, site_id: int) -> HttpResponseBase:
    """Look a person up, download what is kept of them, or erase it."""
    site = site_for(request, site_id, may="edit")
    form = PersonForm(request.POST or None)
    found: int | None = None
    if request.method == "POST" and form.is_valid():
        by, value = form.cleaned_data["by"], form.cleaned_data["value"]
        action = request.POST.get("action")
        try:
            if action == "erase" and form.cleaned_data["sure"]:
                gone = personal.forget(site.pk, by, value)
                messages.success(request, f"{gone} visits were erased.")
                return redirect("personal-data", site.pk)
            if action == "export":
                return download(site, by, value)
            if action == "erase":
                form.add_error("sure", "Tick this first; there is no way back.")
            found = len(personal.find_visits(site.pk, by, value))
        except ValueError as error:
            form.add_error("value", str(error))
    context = {**settings_context(request, site, "personal-data"), "form": form, "found": found}
    return render(request, "tracking/personal_data.html", context)


def download(site: Site, by: str, value: str) -> StreamingHttpResponse:
    """The person's rows as a JSON file, one row a line."""
    lines = (orjson.dumps(row, default=str) + b"\n" for row in personal.export(site.pk, by, value))
    response = StreamingHttpResponse(lines, content_type="application/x-ndjson")
    response["Content-Disposition"] = f'attachment; filename="personal-data-{site.pk}.ndjson"'
    return response


class PersonalData(ManagementView):
    """What is kept of one person of a site."""

    def person(self, request: Request, site_id: int) -> tuple[int, str, str]:
        site = site_of(request.user, site_id, may="edit")
        by, value = request.query_params.get("by", ""), request.query_params.get("value", "")
        if not value:
            raise serializers.ValidationError({"value": ["Say whose data: ?by=ip&value=203.0.113.7"]})
        return site.pk, by, value

    @extend_schema(parameters=PARAMETERS, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, site_id: int) -> Response:
        """Everything kept of the person."""
        return Response({"rows": self.asked(lambda *who: list(personal.export(*who)), request, site_id)})

    @extend_schema(parameters=PARAMETERS, responses=OpenApiTypes.OBJECT)
    def delete(self, request: Request, site_id: int) -> Response:
        """Erase the person's visits everywhere."""
        return Response({"erased_visits": self.asked(personal.forget, request, site_id)})

    def asked(self, question: Any, request: Request, site_id: int) -> Any:
        """The answer, or the sentence of a ValueError as a refusal of `by`."""
        try:
            return question(*self.person(request, site_id))
        except ValueError as error:
            raise serializers.ValidationError({"by": [str(error)]}) from error
