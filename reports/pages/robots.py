"""A visitor is marked as a bot, or what was set apart is brought back; every report follows."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from reports.pages.parts import TROUBLE, sentence
from sites.access import site_for
from sites.models import Site
from tracking import robots

Move = Callable[..., tuple[int, str, str]]


def moving(move: Move) -> Callable[..., HttpResponse]:
    """`move(request, site, …)` moves events and gives (how many, what is said, where to go); for who may edit."""

    @require_POST
    @login_required
    @wraps(move)
    def page(request: HttpRequest, site_id: int, **named: Any) -> HttpResponse:
        site = site_for(request, site_id, may="edit")
        back = f"/sites/{site_id}/bots"
        try:
            count, words, back = move(request, site, **named)
        except robots.NoSuchVisitor as error:
            raise Http404("No such visitor.") from error
        except TROUBLE as error:
            messages.add_message(request, messages.WARNING, f"Nothing was moved: {sentence(error)}", extra_tags="warn")
            return HttpResponseRedirect(back)
        messages.success(request, words.format(f"{count} event{'' if count == 1 else 's'}"), extra_tags="good")
        return HttpResponseRedirect(back)

    return page


APART = "{} set apart as a bot's, and what comes from there will be."
BACK = "{} brought back, and what comes from there counts again."


@moving
def visitor(request: HttpRequest, site: Site, device: int) -> tuple[int, str, str]:
    """Everything of a visitor is a bot's."""
    return robots.visitor_set_apart(site=site, device=device), APART, f"/sites/{site.pk}/bots"


@moving
def visit(request: HttpRequest, site: Site, visit: int) -> tuple[int, str, str]:
    """One visit is a bot's."""
    return robots.visit_set_apart(site=site, visit=visit), APART, f"/sites/{site.pk}/bots"


@moving
def people(request: HttpRequest, site: Site) -> tuple[int, str, str]:
    """A line of the page of bots is people's."""
    given = {name: request.POST.get(name, "") for name in ("reason", "user_agent", "organization")}
    return robots.bring_people_back(site=site, **given), BACK, f"/sites/{site.pk}/bots"
