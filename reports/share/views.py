"""A shared overview for whoever has its link, and the page where links are made and ended."""

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
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import throttle
from accounts.forms import add_mistakes
from accounts.models import User
from accounts.security.client_ip import client_key
from accounts.security.known_devices import SHARE_DEVICES
from reports.engine.refusal import QueryRefused
from reports.pages.details import columns_of, exported, page_of, table_named
from reports.pages.export import FORMATS
from reports.pages.frame import asked_for
from reports.pages.layouts import one_panel, part_of, sheet_of
from reports.pages.picture import picture
from reports.pages.state import State
from reports.share.forms import PasswordForm, ShareForm
from reports.share.models import Share
from reports.share.services import opens, proof, share_create, share_of_key_token, share_revoke
from reports.share.state import home_of, shared_bar, shared_state, shown_dimensions, without_people
from sites.access import site_for
from sites.navigation import settings_context

SHARE_CLIENT = throttle.Limit("share-client", 10, 60)  # one link's password from one client
SHARE_DEVICE = throttle.Limit("share-device", 10, 60)  # the same from a device that opened the link before
SHARE_LINK = throttle.Limit("share-link", 300, 3600)  # one link's password from all unknown clients


def share_of(token: str) -> Share:
    """The link of that word, if it still shows something; whatever is wrong with it, it does not exist."""
    if (of_key := share_of_key_token(token)) is not None:
        return of_key
    found = Share.objects.open(timezone.now()).with_token(token)
    share = found.select_related("site__account", "segment").first()
    if share is None:
        raise Http404("No such link.")
    share.token = token  # for links between its pages; the stored one may be impossible to decrypt
    return share


def unlocked(request: HttpRequest, share: Share) -> bool:
    return not share.password or request.session.get(f"share:{share.pk}") == proof(share)


def answered(response: HttpResponse) -> HttpResponse:
    """Nobody keeps or lists what a secret link shows."""
    patch_vary_headers(response, ["HX-Request", "HX-Target", "Cookie"])
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password")
def overview(request: HttpRequest, token: str) -> HttpResponse:
    """The overview; a protected link asks for its password first."""
    share = share_of(token)
    if request.method == "POST" or not unlocked(request, share):
        return answered(password(request, share))
    return sheet(request, share, framed=False)


Part = Callable[..., HttpResponse]


def shared_part(part: Callable[..., HttpResponse]) -> Part:
    """A page beside the overview: `part(request, share, state, …)` with the state that the link allows."""

    @require_safe
    @wraps(part)
    def view(request: HttpRequest, token: str, *args: Any, framed: bool = False, **named: Any) -> HttpResponse:
        share = share_of(token)
        if not unlocked(request, share):
            raise Http404("No such link.")
        try:
            response = part(request, share, shared_state(request, share, request.path, framed), *args, **named)
        except QueryRefused as error:
            response = refused(request, share, error)
        return answered(response)

    return view


def embedded(view: Part) -> Part:
    """The same page for a frame on another site: only these may be framed, and only if the link says so."""

    @wraps(view)
    def inside(request: HttpRequest, token: str, *args: Any, **named: Any) -> HttpResponse:
        share = share_of(token)
        if not share.embed or share.password:
            raise Http404("No such link.")
        response = view(request, token, *args, framed=True, **named)
        response.xframe_options_exempt = True
        return response

    return inside


@require_safe
def framed_overview(request: HttpRequest, token: str, framed: bool = True) -> HttpResponse:
    """The overview in a frame."""
    return sheet(request, share_of(token), framed)


embed = embedded(framed_overview)


@shared_part
def panel(request: HttpRequest, share: Share, state: State, name: str, tab: str) -> HttpResponse:
    """One panel of it."""
    here = replace(state, path=f"{state.root}/")
    part = one_panel(here, name, tab, asked_for(request), without_people())
    if asked_for(request):
        return render(request, "reports/_panel.html", {"panel": part, "site": share.site})
    return render(request, "share/panel.html", {**shared_bar(here, share), "panel": part, "framed": framed(state)})


@shared_part
def details(request: HttpRequest, share: Share, state: State, name: str) -> HttpResponse:
    """The full table of one of its panels, and the same as a file."""
    if name not in shown_dimensions():
        raise Http404("No such table.")
    row = table_named(name)
    if (wanted := request.GET.get("format", "")) in FORMATS:
        return exported(state, row, wanted)
    context = {**shared_bar(state, share), **page_of(state, row, columns_of(row, state)), "framed": framed(state)}
    context["no_compare"] = True
    part = asked_for(request) == "sheet"
    return render(request, "reports/_details.html" if part else "share/details.html", context)


@shared_part
def graph_svg(request: HttpRequest, share: Share, state: State) -> HttpResponse:
    """Its graph as a file."""
    return picture(request, state, str(share.site))


framed_panel, framed_details, framed_graph_svg = embedded(panel), embedded(details), embedded(graph_svg)


def framed(state: State) -> bool:
    return state.root.endswith("/embed")


def sheet(request: HttpRequest, share: Share, framed: bool) -> HttpResponse:
    home = home_of(share, framed)
    try:
        state = shared_state(request, share, home if framed else f"{home}/", framed)
        if (part := part_of(request, state, "overview", without_people(), shared=True)) is not None:
            return answered(part)
        bar = shared_bar(state, share, live=False)
        context = {**bar, **sheet_of(request, state, "overview", without_people())}
    except QueryRefused as error:
        return answered(refused(request, share, error))
    context |= {"title": share.name, "framed": framed}
    whole = asked_for(request) != "sheet"
    return answered(render(request, "share/view.html" if whole else "reports/_sheet.html", context))


def refused(request: HttpRequest, share: Share, error: QueryRefused) -> HttpResponse:
    context = {"share": share, "sentence": error.sentence, "clean": f"/share/{share.token}/"}
    return render(request, "share/refused.html", context, status=400)


def password(request: HttpRequest, share: Share) -> HttpResponse:
    """Ask for the password; the right one is remembered in the session, and too many wrong ones cost a minute."""
    form, wait = PasswordForm(request.POST or None), 0
    if request.method == "POST" and form.is_valid():
        limits = guess_limits(request, share)
        if wait := throttle.count_attempt(*limits):
            form.add_error("password", throttle.refusal_message(wait))
        elif opens(share, form.cleaned_data["password"]):
            throttle.undo_attempt(*limits)
            request.session[f"share:{share.pk}"] = proof(share)
            home = f"/share/{share.token}/"
            response = HttpResponseRedirect(home)
            SHARE_DEVICES.remember(request, response, f"share {share.pk}", home)
            return response
        else:
            form.add_error("password", "This is not the password.")
    status = 429 if wait else 403 if form.errors else 200
    answer = render(request, "share/password.html", {"form": form}, status=status)
    if wait:
        answer["Retry-After"] = str(wait)
    return answer


def guess_limits(request: HttpRequest, share: Share) -> tuple[throttle.LimitKey, ...]:
    """The limits for a guess: of the client, and of all clients together unless this one has opened the link before."""
    if device := SHARE_DEVICES.device(request, f"share {share.pk}"):
        return ((SHARE_DEVICE, f"{share.pk} {device}"),)
    client = (SHARE_CLIENT, f"{share.pk} {client_key(request)}")
    return (client,) if f"share:{share.pk}" in request.session else (client, (SHARE_LINK, str(share.pk)))


@login_required
@never_cache
@sensitive_post_parameters("password")
def sharing(request: HttpRequest, site_id: int) -> HttpResponse:
    """The site's links; a POST makes one."""
    site = site_for(request, site_id, may="edit")
    form = ShareForm(request.POST or None, site, request.user)
    if request.method == "POST" and form.is_valid():
        try:
            share = share_create(site=site, user=cast(User, request.user), **form.cleaned_data)
            messages.success(request, f"“{share}” can be opened now.", extra_tags="good")
            return redirect("sharing", site_id)
        except ValidationError as error:
            add_mistakes(form, error)
    now = timezone.now()
    shares = site.shares.filter(revoked=None).select_related("segment", "created_by").order_by("-created")
    context: dict[str, Any] = {
        "form": form, "now": now,
        "shares": [(one, request.build_absolute_uri(f"/share/{one.token}/")) for one in shares],
    }  # fmt: skip
    return render(request, "share/settings.html", {**context, **settings_context(request, site, "sharing")})


@login_required
@require_POST
def revoke(request: HttpRequest, site_id: int, share_id: int) -> HttpResponse:
    """End one link."""
    share = site_for(request, site_id, may="edit").shares.filter(pk=share_id, revoked=None).first()
    if share is None:
        raise Http404("No such link.")
    share_revoke(share=share, now=timezone.now())
    messages.success(request, f"“{share}” no longer opens.")
    return redirect("sharing", site_id)
