"""Save the filters of a report as a segment, and delete segments."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.models import User
from goals.selectors import filter_segments_of_site
from goals.services import segment_create, segment_delete
from reports.dashboard.state import parse_conditions
from reports.dashboard.views.preferences import parse_next
from sites.selectors import get_site_or_404, may_on_site


@require_POST
@login_required
def segment_save(request: HttpRequest, site_id: int) -> HttpResponse:
    """Save the filters of the page in `next` as a segment. Only editors of the site can share it with others."""
    site = get_site_or_404(request, site_id)
    back = parse_next(request, request.POST.get("next", reverse("dashboard:overview", args=[site_id])))
    conditions = parse_conditions(QueryDict(urlsplit(back).query))
    shared = bool(request.POST.get("shared")) and may_on_site(request.user, site, "edit")
    try:
        segment = segment_create(
            site=site, name=request.POST.get("name", ""), filter=[condition.to_json() for condition in conditions],
            owner=cast(User, request.user), shared=shared,
        )  # fmt: skip
    except ValidationError as error:
        messages.add_message(request, messages.WARNING, " ".join(error.messages), extra_tags="warn")
        return HttpResponseRedirect(back)
    messages.success(request, f"Segment “{segment}” is saved.", extra_tags="good")
    return HttpResponseRedirect(f"{reverse('dashboard:overview', args=[site_id])}?segment={segment.pk}")


@require_POST
@login_required
def segment_remove(request: HttpRequest, site_id: int, segment_id: int) -> HttpResponse:
    """Delete one's own segment, or as an editor of the site a shared one."""
    site = get_site_or_404(request, site_id)
    segment = filter_segments_of_site(site, request.user).filter(pk=segment_id).first()
    if segment is None or (segment.owner_id != request.user.pk and not may_on_site(request.user, site, "edit")):
        raise Http404("No such segment.")
    segment_delete(segment=segment)
    return HttpResponseRedirect(reverse("dashboard:overview", args=[site_id]))
