"""Bot overrides: mark a visitor or visit as a bot, or restore what was quarantined. Every report follows."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from sites.models import Site
from sites.selectors import get_site_or_404
from tracking import bot_overrides

QUARANTINED = "{} moved to the quarantine; later hits of the same kind will be quarantined too."
RESTORED = "{} restored; later hits of the same kind count again."


def override_action(message: str) -> Callable[[Callable[..., int]], Callable[..., HttpResponse]]:
    """Make `action(request, site, …)`, which returns how many events it moved, a POST action for editors of the site.

    `message` is displayed with the number of events.
    """

    def decorate(action: Callable[..., int]) -> Callable[..., HttpResponse]:
        @require_POST
        @login_required
        @wraps(action)
        def view(request: HttpRequest, site_id: int, **kwargs: object) -> HttpResponse:
            site = get_site_or_404(request, site_id, may="edit")
            try:
                count = action(request, site, **kwargs)
            except bot_overrides.NoSuchVisitor as error:
                raise Http404("No such visitor.") from error
            except QUERY_ERRORS as error:
                text = f"Nothing was moved: {describe_error(error)}"
                messages.add_message(request, messages.WARNING, text, extra_tags="warn")
            else:
                text = message.format(f"{count} event{'' if count == 1 else 's'}")
                messages.success(request, text, extra_tags="good")
            return redirect("dashboard:bots", site_id)

        return view

    return decorate


@override_action(QUARANTINED)
def quarantine_visitor(request: HttpRequest, site: Site, device: int) -> int:
    """Move all events of a device to the quarantine."""
    return bot_overrides.quarantine_visitor(site=site, device=device)


@override_action(QUARANTINED)
def quarantine_visit(request: HttpRequest, site: Site, visit: int) -> int:
    """Move the events of one visit to the quarantine."""
    return bot_overrides.quarantine_visit(site=site, visit=visit)


@override_action(RESTORED)
def restore_people(request: HttpRequest, site: Site) -> int:
    """Restore the events of one row of the page of bots."""
    row = {name: request.POST.get(name, "") for name in ("reason", "user_agent", "organization")}
    return bot_overrides.restore_visitors(site=site, **row)
