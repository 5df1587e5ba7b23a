"""The overview in a frame at Clicky's address, for its WordPress plugin and others that hold a site's key."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from reports.clicky.deeplinks import build_period_parameter
from reports.clicky.deeplinks import stats as redirect_to_page
from reports.clicky.errors import ClickyError
from reports.clicky.stats_request import find_site
from reports.dashboard.base_view import serve_page
from reports.dashboard.views.reports import overview
from reports.sharing.scope import set_share_headers
from reports.sharing.services import key_token
from reports.sharing.views import read_framed_scope
from sites.models import Site


@require_safe
def framed_overview(request: HttpRequest) -> HttpResponse:
    """Answer `/stats/wp-iframe?site_id=&sitekey=`: the overview for a frame in another site, such as WordPress.

    Only the key in the address is needed; no cookie is read. Without a key it is a link like the others. A wrong key is
    answered with 403 by a page that may be framed too, so that the reader sees the reason.
    """
    if "sitekey" not in request.GET and "sitekey_admin" not in request.GET:
        return redirect_to_page(request)
    try:
        site = Site.objects.get(pk=find_site(request.GET).site_id, deleted=None)
    except (ClickyError, Site.DoesNotExist):
        return set_share_headers(render(request, "sharing/wrong_key.html", {"framed": True}, status=403), framed=True)
    request.GET = QueryDict(urlencode(build_period_parameter(request.GET.get("date", ""), site)))
    scope = read_framed_scope(request, key_token(site))
    return serve_page(request, scope, overview, scope.root_path)
