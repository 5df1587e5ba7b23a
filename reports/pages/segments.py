"""Keep a sheet's filters under a name, and forget them again."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.views.decorators.http import require_POST

from accounts.models import User
from goals.querysets import segments_seen_by
from goals.services import segment_create, segment_delete
from reports.pages.preferences import safe_next
from reports.pages.state import conditions_of
from sites.access import site_for, site_of


@require_POST
@login_required
def save(request: HttpRequest, site_id: int) -> HttpResponse:
    """The filters of the page one comes from become a segment; whoever may not edit keeps it private."""
    site = site_for(request, site_id)
    back = safe_next(request, request.POST.get("next", f"/sites/{site_id}/"))
    conditions = conditions_of(QueryDict(urlsplit(back).query))
    shared = bool(request.POST.get("shared")) and may_edit(request, site_id)
    try:
        segment = segment_create(
            site=site, name=request.POST.get("name", ""), filter=[one.json() for one in conditions],
            owner=cast(User, request.user), shared=shared,
        )  # fmt: skip
    except ValidationError as error:
        messages.add_message(request, messages.WARNING, " ".join(error.messages), extra_tags="warn")
        return HttpResponseRedirect(back)
    messages.success(request, f"Segment “{segment}” is saved.", extra_tags="good")
    return HttpResponseRedirect(f"/sites/{site_id}/?segment={segment.pk}")


@require_POST
@login_required
def forget(request: HttpRequest, site_id: int, segment_id: int) -> HttpResponse:
    """One's own segment, or a shared one by somebody who may edit the site."""
    site = site_for(request, site_id)
    segment = segments_seen_by(site, request.user).filter(pk=segment_id).first()
    if segment is None or (segment.owner_id != request.user.pk and not may_edit(request, site_id)):
        raise Http404("No such segment.")
    segment_delete(segment=segment)
    return HttpResponseRedirect(f"/sites/{site_id}/")


def may_edit(request: HttpRequest, site_id: int) -> bool:
    try:
        return site_of(request.user, site_id, "edit") is not None
    except Http404:
        return False
