"""The shared overview for everybody who has its link, the page where members create and revoke links, and
the overview in a frame at Clicky's address, for its WordPress plugin and others that hold a site's key.
"""

from __future__ import annotations

from typing import cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.forms import add_errors
from accounts.models import User
from accounts.security import rate_limits
from accounts.security.client_ip import get_client_key
from accounts.security.recognized_devices import SHARE_DEVICES
from reports.clicky.deeplinks import build_period_parameter
from reports.clicky.deeplinks import stats as redirect_to_page
from reports.clicky.outputs import ClickyError
from reports.clicky.stats_request import find_site
from reports.dashboard.report_page import report_page, serve_page
from reports.dashboard.scope import Context
from reports.dashboard.views.reports import overview
from reports.sharing.forms import PasswordForm, SharedLinkForm
from reports.sharing.models import Share
from reports.sharing.scope import ShareScope, set_share_headers
from reports.sharing.services import (
    build_key_token,
    build_password_proof,
    check_share_password,
    find_share_by_key_token,
    share_create,
    share_revoke,
)
from sites.models import Site
from sites.selectors import get_site_or_404
from sites.settings_pages import build_settings_context

SHARE_CLIENT = rate_limits.RateLimit("share-client", 10, 60)  # attempts at one link's password by one client
SHARE_DEVICE = rate_limits.RateLimit("share-device", 10, 60)  # by a device that has opened the link before
SHARE_LINK = rate_limits.RateLimit("share-link", 300, 3600)  # by all unknown clients together


def find_share(token: str) -> Share:
    """Return the link with this token if it can be opened. Otherwise Http404, whatever the reason."""
    if (key_share := find_share_by_key_token(token)) is not None:
        return key_share
    rows = Share.objects.open(timezone.now()).with_token(token)
    share = rows.select_related("site__account", "segment").first()
    if share is None:
        raise Http404("No such link.")
    share.token = token  # for the links between its pages; the stored one may be impossible to decrypt
    return share


def is_unlocked(request: HttpRequest, share: Share) -> bool:
    """Whether the link has no password, or the session has entered it."""
    return not share.password or request.session.get(f"share:{share.pk}") == build_password_proof(share)


def read_share_scope(request: HttpRequest, token: str) -> ShareScope:
    """Return the scope of a link that needs no password, or whose password was entered. Otherwise Http404."""
    share = find_share(token)
    if not is_unlocked(request, share):
        raise Http404("No such link.")
    return ShareScope(site=share.site, share=share)


def read_framed_scope(request: HttpRequest, token: str) -> ShareScope:
    """Return the scope of a link's pages for frames on other sites. Http404 where the link does not allow frames."""
    share = find_share(token)
    if not share.embed or share.password:
        raise Http404("No such link.")
    return ShareScope(site=share.site, share=share, framed=True)


share_page = report_page(read_share_scope, "token", login=False)
framed_page = report_page(read_framed_scope, "token", login=False)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password")
def shared_report(request: HttpRequest, token: str) -> HttpResponse:
    """Display the overview; a protected link requests its password first."""
    share = find_share(token)
    scope = ShareScope(site=share.site, share=share)
    if request.method == "POST" or not is_unlocked(request, share):
        return scope.set_headers(render_password_form(request, share))
    return serve_page(request, scope, overview, request.path)


def render_password_form(request: HttpRequest, share: Share) -> HttpResponse:
    """Request the password. The session stores that it was entered; too many wrong ones are rejected for a minute."""
    form, wait = PasswordForm(request.POST or None), 0
    if request.method == "POST" and form.is_valid():
        limits = list_attempt_limits(request, share)
        if wait := rate_limits.count_attempt(*limits):
            form.add_error("password", rate_limits.format_wait_message(wait))
        elif check_share_password(share, form.cleaned_data["password"]):
            rate_limits.undo_attempt(*limits)
            request.session[f"share:{share.pk}"] = build_password_proof(share)
            home = reverse("sharing:overview", args=[share.token])
            redirection = HttpResponseRedirect(home)
            SHARE_DEVICES.remember(request, redirection, f"share {share.pk}", home)
            return redirection
        else:
            form.add_error("password", "This is not the password.")
    status = 429 if wait else 403 if form.errors else 200
    response = render(request, "sharing/password.html", {"form": form}, status=status)
    if wait:
        response["Retry-After"] = str(wait)
    return response


def list_attempt_limits(request: HttpRequest, share: Share) -> tuple[rate_limits.RateLimitKey, ...]:
    """Return the limits of an attempt: of the client, and of all clients unless this one has opened the link before."""
    if device := SHARE_DEVICES.device(request, f"share {share.pk}"):
        return ((SHARE_DEVICE, f"{share.pk} {device}"),)
    client = (SHARE_CLIENT, f"{share.pk} {get_client_key(request)}")
    return (client,) if f"share:{share.pk}" in request.session else (client, (SHARE_LINK, str(share.pk)))


@login_required
@never_cache
@sensitive_post_parameters("password")
def sharing(request: HttpRequest, site_id: int) -> HttpResponse:
    """Display the site's links; a POST creates one."""
    site = get_site_or_404(request, site_id, may="edit")
    form = SharedLinkForm(request.POST or None, site, request.user)
    if request.method == "POST" and form.is_valid():
        try:
            share = share_create(site=site, user=cast(User, request.user), **form.cleaned_data)
            messages.success(request, f"“{share}” was created.", extra_tags="good")
            return redirect("sharing:settings", site_id)
        except ValidationError as error:
            add_errors(form, error)
    now = timezone.now()
    shares = site.shares.filter(revoked=None).select_related("segment", "created_by").order_by("-created")
    context: Context = {
        "form": form, "now": now,
        # Not reverse(): the token is empty where SECRET_KEY does not decrypt it, and the page is shown all the same
        "shares": [(row, request.build_absolute_uri(f"/share/{row.token}/")) for row in shares],
    }  # fmt: skip
    return render(request, "sharing/settings.html", {**context, **build_settings_context(request, site, "sharing")})


@login_required
@require_POST
def revoke(request: HttpRequest, site_id: int, share_id: int) -> HttpResponse:
    """Revoke one link."""
    share = get_site_or_404(request, site_id, may="edit").shares.filter(pk=share_id, revoked=None).first()
    if share is None:
        raise Http404("No such link.")
    share_revoke(share=share, now=timezone.now())
    messages.success(request, f"“{share}” no longer works.")
    return redirect("sharing:settings", site_id)


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
    scope = read_framed_scope(request, build_key_token(site))
    return serve_page(request, scope, overview, scope.root_path)
