"""Making and changing one link, with a preview of who goes where."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from links import known, services
from links.addresses import tracking_url
from links.choose import Asker, choose
from links.facts import LinkFacts, link_facts
from links.grants import Sight, datapoint_for
from links.models import Datapoint, Kind, Status
from links.pages.forms import LinkForm, initial_of
from links.pages.frame import links_page, shown, told
from links.tenant_content import content_messages

WHO: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Somebody at a desk", {"device": "Desktop", "languages": ("en",)}),
    ("The same person again", {"device": "Desktop", "languages": ("en",), "again": True}),
    ("A phone in Estonia, in Estonian", {"device": "Mobile", "languages": ("et",), "country": "EE"}),
    ("A phone in Germany, in German", {"device": "Mobile", "languages": ("de",), "country": "DE"}),
    ("A tablet in the United States", {"device": "Tablet", "languages": ("en-us",), "country": "US"}),
    ("An e-mail program", {"device": "Desktop", "email_client": True}),
    ("A robot", {"spider": True}),
)


def facts_of(row: Datapoint) -> LinkFacts:
    """The facts of a link as the redirector would read them."""
    found = Datapoint.objects.filter(pk=row.pk).values(*known.COLUMNS)[0]
    return link_facts(found, (), ())


def preview(row: Datapoint, now: datetime) -> list[dict[str, str]]:
    """Where different people would be sent by the link now."""
    facts, found = facts_of(row), []
    for label, person in WHO:
        person = dict(person)
        again = person.pop("again", False)
        asker = Asker(now, unique=lambda link, first=not again: first, step=lambda link, at=int(again): at, **person)  # type: ignore[misc]
        asker.turn = lambda link, at=1 + int(again): at  # type: ignore[misc]
        choice = choose(facts, asker, known.by_path)
        found.append({"who": label, "url": choice.url, "stop": choice.stop})
    return found


def ready(form: LinkForm) -> dict[str, Any]:
    """The form's fields for the services; local times are read as UTC."""
    fields = form.fields_of()
    for name in ("starts", "expiration_date"):
        if fields[name] is not None:
            fields[name] = fields[name].astimezone(UTC)
    return fields


def domain_notes(form: LinkForm) -> list[str]:
    """Notes on what links may show on the domains that the form offers."""
    return content_messages(form.fields["domain"].queryset)  # type: ignore[attr-defined]


@links_page("list", may="edit")
def new(request: HttpRequest, sight: Sight) -> HttpResponse:
    """Make a link or pixel."""
    initial = {
        "kind": Kind.PIXEL if request.GET.get("kind") == "pixel" else Kind.LINK,
        "group": request.GET.get("group"),
    }
    form = LinkForm(request.POST or None, sight=sight, initial=initial)
    if request.method == "POST" and form.is_valid():
        fields = ready(form)
        if not sight.writes and not fields.get("group"):
            form.add_error("group", "Choose a group you may write to.")
        else:
            try:
                row = services.datapoint_create(account=sight.account, **fields)
                messages.success(request, "The link is ready.")
                return HttpResponseRedirect(f"/links/{row.pk}/edit")
            except ValidationError as error:
                told(form, error)
    return shown(
        request, sight, "edit", form=form, row=None, status=400 if form.errors else 200, content=domain_notes(form)
    )


@links_page("list", may="edit")
def edit(request: HttpRequest, sight: Sight, datapoint_id: int) -> HttpResponse:
    """Change a link; its alias and domain stay."""
    row = datapoint_for(request, datapoint_id, may="edit")
    form = LinkForm(request.POST or None, sight=sight, row=row, initial=initial_of(row))
    for name in ("kind", "alias", "domain"):
        form.fields[name].disabled = True
    if request.method == "POST" and form.is_valid():
        fields = ready(form)
        for name in ("kind", "alias", "domain"):
            fields.pop(name, None)
        if fields["group"] in (None, row.group):
            fields.pop("group")
        try:
            services.datapoint_update(datapoint=row, **fields)
            messages.success(request, "Saved.")
            return HttpResponseRedirect(f"/links/{row.pk}/edit")
        except ValidationError as error:
            told(form, error)
            row.refresh_from_db()
    return shown(
        request, sight, "edit", form=form, row=row, address=tracking_url(row), status=400 if form.errors else 200,
        content=content_messages([row.domain]),
        preview=preview(row, timezone.now()) if row.kind == Kind.LINK and row.status != Status.DELETED else [],
    )  # fmt: skip


@require_POST
@links_page("list", may="edit")
def delete(request: HttpRequest, sight: Sight, datapoint_id: int) -> HttpResponse:
    """Delete for good; its numbers stay."""
    services.datapoint_delete(datapoint=datapoint_for(request, datapoint_id, may="edit"))
    messages.success(request, "Deleted. Its numbers stay readable, its alias stays taken.")
    return HttpResponseRedirect("/links")
