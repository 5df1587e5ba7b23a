"""A shared overview for whoever has its link, and the page where links are made and ended."""

from __future__ import annotations

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

from accounts.forms import add_mistakes
from accounts.models import User
from reports.engine.refusal import QueryRefused
from reports.limits import take
from reports.pages.frame import asked_for
from reports.pages.layouts import one_panel, sheet_of
from reports.pages.state import State
from reports.share.forms import PasswordForm, ShareForm
from reports.share.models import Share
from reports.share.services import opens, proof, share_create, share_revoke
from reports.share.state import shared_bar, shared_state, without_people
from sites.access import site_for
from sites.navigation import settings_context

GUESSES = 10  # passwords a minute, per link


def share_of(token: str) -> Share:
    """The link of that word, if it still shows something; whatever is wrong with it, it does not exist."""
    share = Share.objects.open(timezone.now()).select_related("site__account", "segment").filter(token=token).first()
    if share is None:
        raise Http404("No such link.")
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
    return answered(sheet(request, share, f"/share/{token}/", framed=False))


@require_safe
def embed(request: HttpRequest, token: str) -> HttpResponse:
    """The same for a frame on another site: the only page that may be framed, and only if the link says so."""
    share = share_of(token)
    if not share.embed or share.password:
        raise Http404("No such link.")
    response = answered(sheet(request, share, f"/share/{token}/embed", framed=True))
    response.xframe_options_exempt = True
    return response


@require_safe
def panel(request: HttpRequest, token: str, name: str, tab: str) -> HttpResponse:
    """One panel of it."""
    share = share_of(token)
    if not unlocked(request, share):
        raise Http404("No such link.")
    try:
        state = shared_state(request, share, f"/share/{token}/")
        part = one_panel(state, name, tab, asked_for(request), without_people())
    except QueryRefused as error:
        return answered(refused(request, share, error))
    if asked_for(request):
        return answered(render(request, "reports/_panel.html", {"panel": part, "site": share.site}))
    context = {**shared_bar(state, share), "panel": part}
    return answered(render(request, "share/panel.html", context))


def sheet(request: HttpRequest, share: Share, path: str, framed: bool) -> HttpResponse:
    try:
        state: State = shared_state(request, share, path)
        context = {**shared_bar(state, share), **sheet_of(request, state, "overview", without_people())}
    except QueryRefused as error:
        return refused(request, share, error)
    context |= {"title": share.name, "framed": framed}
    part = asked_for(request) == "sheet"
    return render(request, "reports/_sheet.html" if part else "share/view.html", context)


def refused(request: HttpRequest, share: Share, error: QueryRefused) -> HttpResponse:
    context = {"share": share, "sentence": error.sentence, "clean": f"/share/{share.token}/"}
    return render(request, "share/refused.html", context, status=400)


def password(request: HttpRequest, share: Share) -> HttpResponse:
    """Ask for the password; the right one is remembered in the session, too many wrong ones cost a minute."""
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if take("share", str(share.pk), GUESSES, timezone.now()).spent:
            form.add_error("password", "Too many tries. Wait a minute, then try again.")
        elif opens(share, form.cleaned_data["password"]):
            request.session[f"share:{share.pk}"] = proof(share)
            return HttpResponseRedirect(f"/share/{share.token}/")
        else:
            form.add_error("password", "This is not the password.")
    return render(request, "share/password.html", {"form": form}, status=403 if form.errors else 200)


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
