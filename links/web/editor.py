"""The editor of a link, with a preview of which visitor goes where."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.forms import add_errors
from links.models import Datapoint, DatapointKind, Status
from links.permissions import LinkScope
from links.public_urls import build_tracking_url
from links.redirect.tenant_content import build_content_messages
from links.routing import link_cache
from links.routing.engine import ClickContext, route_click
from links.routing.snapshot import LINK_COLUMNS, LinkSnapshot, build_link_snapshot
from links.services import links as services
from links.web.forms import LinkForm, build_initial
from links.web.page_layout import links_page, render_page

PREVIEW_VISITORS: tuple[tuple[str, partial[ClickContext]], ...] = (
    ("A person at a computer", partial(ClickContext, device="Desktop", languages=("en",))),
    (
        "The same person again",
        partial(
            ClickContext, device="Desktop", languages=("en",), is_unique=lambda link: False,
            click_number=lambda link: 2, previous_clicks=lambda link: 1,
        ),
    ),
    ("A phone in Estonia, in Estonian", partial(ClickContext, device="Mobile", languages=("et",), country="EE")),
    ("A phone in Germany, in German", partial(ClickContext, device="Mobile", languages=("de",), country="DE")),
    ("A tablet in the United States", partial(ClickContext, device="Tablet", languages=("en-us",), country="US")),
    ("An e-mail program", partial(ClickContext, device="Desktop", email_client=True)),
    ("A robot", partial(ClickContext, is_bot=True)),
)  # fmt: skip


def load_snapshot(row: Datapoint) -> LinkSnapshot:
    """Load the snapshot of a link as the redirector would."""
    columns = Datapoint.objects.filter(pk=row.pk).values(*LINK_COLUMNS)[0]
    return build_link_snapshot(columns, (), ())


def preview_destinations(row: Datapoint, now: datetime) -> list[dict[str, str]]:
    """Preview where the link would send different visitors now."""
    snapshot, destinations = load_snapshot(row), []
    for label, create_context in PREVIEW_VISITORS:
        decision = route_click(snapshot, create_context(now), link_cache.find_link_by_path)
        destinations.append({"who": label, "url": decision.url, "stop": decision.stop_reason})
    return destinations


def get_service_fields(form: LinkForm) -> dict[str, Any]:
    """Return the form's fields for the services, local times converted to UTC."""
    fields = form.build_fields()
    for name in ("starts", "expiration_date"):
        if fields[name] is not None:
            fields[name] = fields[name].astimezone(UTC)
    return fields


def build_domain_notes(form: LinkForm) -> list[str]:
    """Build the notes on what links may display on the domains that the form offers."""
    return build_content_messages(form.fields["domain"].queryset)  # type: ignore[attr-defined]


@links_page("list", may="edit")
def create_link(request: HttpRequest, scope: LinkScope) -> HttpResponse:
    """Create a link or pixel."""
    initial = {
        "kind": DatapointKind.PIXEL if request.GET.get("kind") == "pixel" else DatapointKind.LINK,
        "group": request.GET.get("group"),
    }
    form = LinkForm(request.POST or None, scope=scope, initial=initial)
    if request.method == "POST" and form.is_valid():
        fields = get_service_fields(form)
        if not scope.edits_all and not fields.get("group"):
            form.add_error("group", "Choose a group you may write to.")
        else:
            try:
                row = services.datapoint_create(account=scope.account, **fields)
                messages.success(request, "The link is ready.")
                return redirect("links:edit", row.pk)
            except ValidationError as error:
                add_errors(form, error)
    return render_page(
        request,
        scope,
        "edit",
        form=form,
        row=None,
        status=400 if form.errors else 200,
        domain_notes=build_domain_notes(form),
    )


@links_page("list", may="edit")
def edit_link(request: HttpRequest, scope: LinkScope, datapoint_id: int) -> HttpResponse:
    """Change a link; its alias and domain never change."""
    row = get_object_or_404(scope.datapoints("edit"), pk=datapoint_id)
    form = LinkForm(request.POST or None, scope=scope, row=row, initial=build_initial(row))
    for name in ("kind", "alias", "domain"):
        form.fields[name].disabled = True
    if request.method == "POST" and form.is_valid():
        fields = get_service_fields(form)
        for name in ("kind", "alias", "domain"):
            fields.pop(name, None)
        if fields["group"] in (None, row.group):
            fields.pop("group")
        try:
            services.datapoint_update(datapoint=row, **fields)
            messages.success(request, "Saved.")
            return redirect("links:edit", row.pk)
        except ValidationError as error:
            add_errors(form, error)
            row.refresh_from_db()
    return render_page(
        request, scope, "edit", form=form, row=row, address=build_tracking_url(row), status=400 if form.errors else 200,
        domain_notes=build_content_messages([row.domain]),
        preview=preview_destinations(row, timezone.now())
        if row.kind == DatapointKind.LINK and row.status != Status.DELETED else [],
    )  # fmt: skip


@require_POST
@links_page("list", may="edit")
def delete_link(request: HttpRequest, scope: LinkScope, datapoint_id: int) -> HttpResponse:
    """Delete a link for good; its statistics stay."""
    services.datapoint_delete(datapoint=get_object_or_404(scope.datapoints("edit"), pk=datapoint_id))
    messages.success(request, "The link was deleted. Its numbers remain readable, and its alias cannot be used again.")
    return redirect("links:list")
