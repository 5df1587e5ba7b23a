"""The widget's page in a site's settings: who may open it, how the badge looks, the snippet, and where it is open."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.branding import load_brand
from reports.onsite.access import build_opener_url
from reports.onsite.forms import WidgetForm
from reports.onsite.services import widget_close
from sites.models import Site
from sites.selectors import get_site_or_404
from sites.services import site_update
from sites.settings_pages import build_settings_context
from sites.widget_settings import parse_widget_settings

SNIPPET = '<script async src="https://{host}/widget/{site_id}.js"></script>'


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def widget_settings(request: HttpRequest, site_id: int) -> HttpResponse:
    """Show the page, or save the form."""
    site = get_site_or_404(request, site_id, may="edit")
    form = WidgetForm.from_site(site, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            site_update(site=site, widget=form.cleaned_data)
        except ValidationError as error:
            site.refresh_from_db()
            form.add_error(None, [message for found in error.message_dict.values() for message in found])
        else:
            messages.success(request, "Saved. Pages show it within five minutes.", extra_tags="good")
            return redirect("onsite:settings", site.pk)
    context = {**build_page_context(request, site), "form": form}
    return render(request, "onsite/settings.html", {**context, **build_settings_context(request, site, "widget")})


def build_page_context(request: HttpRequest, site: Site) -> dict[str, object]:
    """Build what the page shows beside the form."""
    host = load_brand(site.account).host or request.get_host()
    scheme = "https" if request.is_secure() else "http"
    opened = site.widget_sessions.open(timezone.now())
    return {
        "widget": parse_widget_settings(site.widget),
        "snippet": SNIPPET.format(host=host, site_id=site.pk).replace("https://", f"{scheme}://"),
        "server": f"{scheme}://{host}",
        "site_url": build_opener_url(request, site),
        "opened": opened.select_related("user").order_by("-used", "-pk"),
    }


@login_required
@require_POST
def close_widget(request: HttpRequest, site_id: int, widget_id: int) -> HttpResponse:
    """End one open widget of the site."""
    site = get_site_or_404(request, site_id, may="edit")
    widget = site.widget_sessions.open(timezone.now()).filter(pk=widget_id).first()
    if widget is None:
        raise Http404("No such widget.")
    widget_close(widget=widget)
    messages.success(request, "That widget is closed.")
    return redirect("onsite:settings", site.pk)
