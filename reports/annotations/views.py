"""The annotations of a site: list, add, delete."""

from __future__ import annotations

from datetime import datetime, time
from typing import cast
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from reports.annotations.services import note_add, note_delete
from sites.selectors import get_site_or_404, may_on_site

MAX_ROWS = 200


class NoteForm(forms.Form):
    """A new annotation: day, optional time and text."""

    day = forms.DateField(label="Day", widget=forms.DateInput(attrs={"type": "date"}))
    clock = forms.TimeField(
        label="Time", required=False, help_text="Empty: the whole day.", widget=forms.TimeInput(attrs={"type": "time"})
    )
    text = forms.CharField(max_length=200, label="What happened")

    def instant(self, zone: str) -> datetime:
        """Return the instant in the site's zone; midnight without a time."""
        return datetime.combine(self.cleaned_data["day"], self.cleaned_data["clock"] or time(), ZoneInfo(zone))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def notes(request: HttpRequest, site_id: int) -> HttpResponse:
    """Display the latest annotations; a POST by an editor of the site adds one."""
    site = get_site_or_404(request, site_id, "edit" if request.method == "POST" else "view")
    zone = ZoneInfo(site.timezone)
    form = NoteForm(request.POST or None, initial={"day": timezone.now().astimezone(zone).date()})
    if request.method == "POST" and form.is_valid():
        text = form.cleaned_data["text"]
        note_add(site=site, at=form.instant(site.timezone), text=text, user=cast(User, request.user))
        messages.success(request, "The note is on the graph.", extra_tags="good")
        return redirect("annotations:list", site_id)
    rows = site.notes.select_related("created_by").order_by("-at", "-pk")[:MAX_ROWS]
    context = {
        "site": site, "section": "overview", "form": form, "may_edit": may_on_site(request.user, site, "edit"),
        "notes": [(note, note.at.astimezone(zone)) for note in rows],
    }  # fmt: skip
    return render(request, "annotations/notes.html", context)


@require_POST
@login_required
def note_remove(request: HttpRequest, site_id: int, note_id: int) -> HttpResponse:
    """Delete an annotation."""
    note = get_site_or_404(request, site_id, "edit").notes.filter(pk=note_id).first()
    if note is None:
        raise Http404("No such note.")
    note_delete(note=note)
    messages.success(request, "The note was deleted.")
    return redirect("annotations:list", site_id)
