"""Pages of a site's keys: `ck_` keys, and the two keys of the Clicky dialect."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone as clock
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.audit.repetition import record_shown
from accounts.forms import add_errors
from accounts.settings_parts import render_secrets
from sites.forms import KeyForm
from sites.models import Site
from sites.selectors import get_site_or_404
from sites.services import api_key_create, api_key_revoke, site_keys_rotate
from sites.settings_pages import build_settings_context


@login_required
@never_cache
def list_keys(request: HttpRequest, site_id: int) -> HttpResponse:
    """List the keys; a POST creates one and displays it once."""
    site = get_site_or_404(request, site_id, may="edit")
    form = KeyForm(request.POST or None)
    plain = ""
    if request.method == "POST" and form.is_valid():
        try:
            plain = api_key_create(site=site, user=request.user, **read_key_fields(form, site))[1]  # type: ignore[arg-type]
            form = KeyForm()
        except ValidationError as error:
            add_errors(form, error)
    rows = site.api_keys.filter(revoked=None).select_related("created_by").order_by("-created")
    context = {"form": form, "new_key": plain, "keys": rows, "now": clock.now()}
    return render(request, "sites/api_keys.html", {**context, **build_settings_context(request, site, "api-keys")})


def read_key_fields(form: KeyForm, site: Site) -> dict[str, object]:
    """Return the form's values; a key expires at the end of the entered day in the site's time zone."""
    fields = dict(form.cleaned_data)
    if fields["expires"]:
        fields["expires"] = datetime.combine(fields["expires"], time.max, ZoneInfo(site.timezone))
    return fields


@login_required
@require_POST
def revoke_key(request: HttpRequest, site_id: int, key_id: int) -> HttpResponse:
    """Revoke a `ck_` key."""
    key = get_site_or_404(request, site_id, may="edit").api_keys.filter(pk=key_id).first()
    if key is None:
        raise Http404("No such key.")
    api_key_revoke(key=key)
    messages.success(request, f"{key.name} no longer works.")
    return redirect("sites:api-keys", site_id)


@login_required
@never_cache
@require_safe
def show_site_keys(request: HttpRequest, site_id: int) -> HttpResponse:
    """Show the site's id and its two keys."""
    site = get_site_or_404(request, site_id, may="edit")
    record_shown("site_keys.shown", site, site.sitekey_admin)
    keys = {"site_id": str(site.pk), "sitekey": site.sitekey, "sitekey_admin": site.sitekey_admin}
    return render_secrets(request, f"Site keys of {site}", keys, back=reverse("sites:api-keys", args=[site_id]))


@login_required
@require_POST
def rotate_site_keys(request: HttpRequest, site_id: int) -> HttpResponse:
    """Replace `sitekey` and `sitekey_admin`."""
    site_keys_rotate(site=get_site_or_404(request, site_id, may="edit"))
    messages.success(request, "The site has new keys. The old ones no longer work.")
    return redirect("sites:api-keys", site_id)
