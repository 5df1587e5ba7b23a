"""Personal data of a site's visitors: a page and an API to export and to erase it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, islice
from typing import TypeVar

import orjson
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.management_view import ManagementView
from accounts.api.openapi import describe_responses
from accounts.audit.recording import record_event
from accounts.audit.repetition import record_exported
from accounts.models import WRITE, Area
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
                erased = erase_and_record(site, by, value)
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
    """Return the person's rows as a file of JSON lines. The first is read here, so that an error is no half file."""
    rows = iter(data_requests.export_person(site.pk, by, value))
    record_exported("personal_data.exported", site, changes={"by": (None, by)})
    lines = (orjson.dumps(row, default=str) + b"\n" for row in chain(list(islice(rows, 1)), rows))
    response = StreamingHttpResponse(lines, content_type="application/x-ndjson")
    response["Content-Disposition"] = f'attachment; filename="personal-data-{site.pk}.ndjson"'
    return response


def erase_and_record(site: Site, by: str, value: str) -> int:
    """Erase the person's visits and record it, without who it was; returns how many visits."""
    visits = data_requests.erase_person(site.pk, by, value)
    record_event("personal_data.erased", site, changes={"by": (None, by), "visits": (visits, 0)})
    return visits


def export_and_record(site: Site, by: str, value: str) -> list[dict[str, object]]:
    """Return everything that is stored about the person and record it, without who it was."""
    rows = list(data_requests.export_person(site.pk, by, value))
    record_exported("personal_data.exported", site, changes={"by": (None, by)})
    return rows


class PersonSerializer(serializers.Serializer[object]):
    """The parameters that name a person."""

    by = serializers.CharField(help_text="ip, visitor, username or tag:<key>", allow_blank=True, default="")
    value = serializers.CharField(
        trim_whitespace=False,
        error_messages=dict.fromkeys(("required", "blank"), "Name the person, such as ?by=ip&value=203.0.113.7."),
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample("A page view", value={"rows": [{"table": "events", "page": "/pricing", "ip": "203.0.113.7"}]})
    ]
)
class PersonRowsSerializer(serializers.Serializer[object]):
    rows = serializers.ListField(child=serializers.DictField(), help_text="Every stored row, with all of its columns")


@extend_schema_serializer(examples=[OpenApiExample("Two visits", value={"erased_visits": 2})])
class ErasedVisitsSerializer(serializers.Serializer[object]):
    erased_visits = serializers.IntegerField()


class PersonalData(ManagementView[Site]):
    """The data that is stored about one person of a site."""

    area = Area.SITES
    read_right = WRITE
    queryset = Site.objects.none()

    @extend_schema(
        summary="Export what is stored about a person",
        parameters=[PersonSerializer],
        responses=describe_responses(200, PersonRowsSerializer),
    )
    def get(self, request: Request, site_id: int) -> Response:
        """Return everything that is stored about the person."""
        return Response({"rows": self.run_or_reject(export_and_record)})

    @extend_schema(
        summary="Erase a person's visits",
        parameters=[PersonSerializer],
        responses=describe_responses(200, ErasedVisitsSerializer),
    )
    def delete(self, request: Request, site_id: int) -> Response:
        """Erase the person's visits everywhere."""
        return Response({"erased_visits": self.run_or_reject(erase_and_record)})

    def run_or_reject(self, operation: Callable[[Site, str, str], T]) -> T:
        """Run an operation for the requested person; a ValueError becomes a validation error of `by`."""
        site = get_site_for_actor(self.request.user, self.kwargs["site_id"], may="edit")
        person = PersonSerializer(data=self.request.query_params)
        person.is_valid(raise_exception=True)
        try:
            return operation(site, person.validated_data["by"], person.validated_data["value"])
        except ValueError as error:
            raise serializers.ValidationError({"by": [str(error)]}) from error
