"""The shared overview for everybody who has its link, and the page where members create and revoke links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
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
from reports.dashboard.base_view import htmx_target, set_private
from reports.dashboard.presenters.exports import FORMATS
from reports.dashboard.state import ReportState
from reports.dashboard.views.details import build_page, choose_columns, export_table, find_dimension
from reports.dashboard.views.graph_image import render_image
from reports.dashboard.views.reports import build_report, load_named_panel, render_fragment
from reports.query.errors import QueryRefused
from reports.sharing.forms import PasswordForm, SharedLinkForm
from reports.sharing.models import Share
from reports.sharing.services import (
    build_password_proof,
    check_share_password,
    find_share_by_key_token,
    share_create,
    share_revoke,
)
from reports.sharing.state import build_shared_toolbar, read_shared_state, share_path, shared_dimensions, shared_panels
from sites.access import site_for
from sites.navigation import settings_context

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


def answered(response: HttpResponse) -> HttpResponse:
    """Set the headers that keep a secret link's pages out of caches and search engines."""
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return set_private(response)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password")
def overview(request: HttpRequest, token: str) -> HttpResponse:
    """Display the overview; a protected link requests its password first."""
    share = find_share(token)
    if request.method == "POST" or not is_unlocked(request, share):
        return answered(render_password_form(request, share))
    return render_shared_report(request, share, framed=False)


ShareView = Callable[..., HttpResponse]


def shared_page(view: Callable[..., HttpResponse]) -> ShareView:
    """Make `view(request, share, state, …)` a page of shared links, with a state that the link allows."""

    @require_safe
    @wraps(view)
    def page(request: HttpRequest, token: str, *args: Any, framed: bool = False, **kwargs: Any) -> HttpResponse:
        share = find_share(token)
        if not is_unlocked(request, share):
            raise Http404("No such link.")
        try:
            response = view(request, share, read_shared_state(request, share, request.path, framed), *args, **kwargs)
        except QueryRefused as error:
            response = render_query_error(request, share, error)
        return answered(response)

    return page


def embedded(view: ShareView) -> ShareView:
    """Make a page of shared links a page for frames on other sites, if the link allows that."""

    @wraps(view)
    def framed_page(request: HttpRequest, token: str, *args: Any, **kwargs: Any) -> HttpResponse:
        share = find_share(token)
        if not share.embed or share.password:
            raise Http404("No such link.")
        response = view(request, token, *args, framed=True, **kwargs)
        response.xframe_options_exempt = True
        return response

    return framed_page


@require_safe
def framed_overview(request: HttpRequest, token: str, framed: bool = True) -> HttpResponse:
    """Display the overview in a frame."""
    return render_shared_report(request, find_share(token), framed)


embed = embedded(framed_overview)


@shared_page
def panel(request: HttpRequest, share: Share, state: ReportState, name: str, tab: str) -> HttpResponse:
    """Display one panel of the overview."""
    report, target = replace(state, path=f"{state.root_path}/"), htmx_target(request)
    content = load_named_panel(report, name, tab, target, shared_panels())
    if target:
        return render(request, "reports/_panel.html", {"panel": content, "site": share.site})
    context = {**build_shared_toolbar(report, share), "panel": content, "framed": is_framed(state)}
    return render(request, "sharing/panel.html", context)


@shared_page
def details(request: HttpRequest, share: Share, state: ReportState, name: str) -> HttpResponse:
    """Display the full table of one of the panels, or send it as a file."""
    if name not in shared_dimensions():
        raise Http404("No such table.")
    row = find_dimension(name)
    if (file_format := request.GET.get("format", "")) in FORMATS:
        return export_table(state, row, file_format)
    context = {**build_shared_toolbar(state, share), **build_page(state, row, choose_columns(row, state))}
    context |= {"framed": is_framed(state), "no_compare": True}
    is_fragment = htmx_target(request) == "sheet"
    return render(request, "reports/_details.html" if is_fragment else "sharing/details.html", context)


@shared_page
def graph_svg(request: HttpRequest, share: Share, state: ReportState) -> HttpResponse:
    """Send the graph of the overview as a file."""
    return render_image(request, state, str(share.site))


framed_details, framed_graph_svg = embedded(details), embedded(graph_svg)


def is_framed(state: ReportState) -> bool:
    """Whether the page is one for frames."""
    return state.root_path.endswith("/embed")


def render_shared_report(request: HttpRequest, share: Share, framed: bool) -> HttpResponse:
    """Render the overview, or only the report or a fragment of it where htmx requests that."""
    path, panels = share_path(share, framed), shared_panels()
    try:
        state = read_shared_state(request, share, path if framed else f"{path}/", framed)
        if (fragment := render_fragment(request, state, "overview", panels, shared=True)) is not None:
            return answered(fragment)
        toolbar = build_shared_toolbar(state, share, live=False)
        context = {**toolbar, **build_report(request, state, "overview", panels)}
    except QueryRefused as error:
        return answered(render_query_error(request, share, error))
    context |= {"title": share.name, "framed": framed}
    is_page = htmx_target(request) != "sheet"
    return answered(render(request, "sharing/view.html" if is_page else "reports/_sheet.html", context))


def render_query_error(request: HttpRequest, share: Share, error: QueryRefused) -> HttpResponse:
    """Render why the state of the URL cannot be displayed."""
    context = {"share": share, "sentence": error.sentence, "clean": reverse("sharing:overview", args=[share.token])}
    return render(request, "sharing/refused.html", context, status=400)


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
    site = site_for(request, site_id, may="edit")
    form = SharedLinkForm(request.POST or None, site, request.user)
    if request.method == "POST" and form.is_valid():
        try:
            share = share_create(site=site, user=cast(User, request.user), **form.cleaned_data)
            messages.success(request, f"“{share}” can be opened now.", extra_tags="good")
            return redirect("sharing:settings", site_id)
        except ValidationError as error:
            add_errors(form, error)
    now = timezone.now()
    shares = site.shares.filter(revoked=None).select_related("segment", "created_by").order_by("-created")
    context: dict[str, Any] = {
        "form": form, "now": now,
        # Not reverse(): the token is empty where SECRET_KEY does not decrypt it, and the page is shown all the same
        "shares": [(row, request.build_absolute_uri(f"/share/{row.token}/")) for row in shares],
    }  # fmt: skip
    return render(request, "sharing/settings.html", {**context, **settings_context(request, site, "sharing")})


@login_required
@require_POST
def revoke(request: HttpRequest, site_id: int, share_id: int) -> HttpResponse:
    """Revoke one link."""
    share = site_for(request, site_id, may="edit").shares.filter(pk=share_id, revoked=None).first()
    if share is None:
        raise Http404("No such link.")
    share_revoke(share=share, now=timezone.now())
    messages.success(request, f"“{share}” no longer opens.")
    return redirect("sharing:settings", site_id)
