"""The settings of the white label: names, colours, hosts and files, and how pages would look with them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.branding import HOST_FIELDS, Brand, is_other_host, load_brand
from accounts.forms import BrandForm, add_errors
from accounts.models import Account
from accounts.permissions import get_current_account
from accounts.security import rate_limits
from accounts.services import account_brand_set, brand_file_remove, brand_file_set, brand_hosts_check
from accounts.settings_parts import build_account_navigation
from accounts.sign_in.confirmation import build_confirmation_url, has_confirmed
from accounts.validators import ACCENT_PATTERN
from accounts.views.owner_changes import is_owner, redirect_to_confirm, tell_owners
from accounts.white_label.accent_colors import format_stylesheet
from accounts.white_label.host_checks import get_target
from accounts.white_label.images import MAX_BYTES, TOO_MANY_BYTES
from accounts.white_label.models import BrandFileKind
from accounts.white_label.overview import build_overview

BRAND_PAGE = "accounts:account-brand"
HOST_FOR_OWNERS = (
    "Only an owner can change the host: whoever controls it can read the links that are mailed to people, or decides "
    "what websites load."
)
SAMPLE_ROWS = (("Google", 4120, 100), ("Direct", 2300, 56), ("newsletter", 1210, 29), ("Hacker News", 640, 16))


@login_required
@never_cache
def edit_brand(request: HttpRequest) -> HttpResponse:
    """Edit the white label."""
    account = get_current_account(request, may="manage")
    form = BrandForm(request.POST or None, initial=account.brand)
    if not is_owner(request):
        for name in HOST_FIELDS:
            form.fields[name].widget.attrs["readonly"] = True
            form.fields[name].help_text = HOST_FOR_OWNERS
    if request.method == "POST" and form.is_valid():
        try:
            return save_brand(request, account, form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
    must_confirm = is_owner(request) and not has_confirmed(request)
    context = {
        "account": account,
        "form": form,
        "confirmation_url": build_confirmation_url(request, request.path) if must_confirm else "",
        "hosts": build_overview(account),
        "files": list_files(account),
        "target": get_target(),
        "sender": load_brand(account).sender,
        "settings_nav": build_account_navigation(request, "brand"),
        "section": "settings",
    }
    return render(request, "accounts/brand.html", context)


def save_brand(request: HttpRequest, account: Account, values: Mapping[str, str]) -> HttpResponse:
    """Store the white label, and redirect to its page. Raises ValidationError.

    Other hosts are for owners, who confirm first that it is them; all of them are told by mail.
    """
    others = [name for name in HOST_FIELDS if is_other_host(account, name, values[name])]
    if others and not is_owner(request):
        raise ValidationError({others[0]: HOST_FOR_OWNERS})
    if others and (confirmation := redirect_to_confirm(request, BRAND_PAGE)):
        return confirmation
    changes = {name: values[name] for name in values if name in others or name not in HOST_FIELDS}
    account_brand_set(account=account, **changes)
    if others:
        what = " ".join(describe_new_host(account, name) for name in others)
        tell_owners(request, account, "brand_host_changed", what)
    messages.success(request, "Saved.")
    return redirect(BRAND_PAGE)


def describe_new_host(account: Account, field: str) -> str:
    """Say in a sentence which host a white label has now, of HOST_FIELDS."""
    host = account.brand.get(field, "")
    if field == "tracking_host":
        return f"Its tracking code is on {host} now." if host else "Its tracking code has no host of its own any more."
    return f"It is {host} now." if host else "It has none any more, so the white label is off."


@login_required
@require_POST
def check_brand_hosts(request: HttpRequest) -> HttpResponse:
    """Look up now where the hosts of the white label lead and whether they are served."""
    account = get_current_account(request, may="manage")
    if wait := brand_hosts_check(account=account):
        messages.error(request, rate_limits.format_wait_message(wait, "checks"))
    else:
        messages.info(request, "Checked just now.")
    return redirect("accounts:account-brand")


@login_required
@require_POST
def change_brand_file(request: HttpRequest, kind: str) -> HttpResponse:
    """Store an uploaded logo or icon, or remove the stored one (`remove`)."""
    account = get_current_account(request, may="manage")
    if kind not in BrandFileKind.values:
        raise Http404("A white label has a logo and an icon.")
    file, removes = request.FILES.get("file"), "remove" in request.POST
    try:
        if removes:
            brand_file_remove(account=account, kind=BrandFileKind(kind))
        elif file is None:
            raise ValidationError("Choose a file.")
        elif (file.size or 0) > MAX_BYTES:
            raise ValidationError(TOO_MANY_BYTES)
        else:
            brand_file_set(account=account, kind=BrandFileKind(kind), data=file.read())
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, "Removed." if removes else "Saved.")
    return redirect("accounts:account-brand")


@login_required
@require_POST
def preview_brand(request: HttpRequest) -> HttpResponse:
    """Show sample pages with the name and accent that the form has, which need not be saved, and the stored files."""
    account = get_current_account(request, may="manage")
    files = list_files(account)
    brand = Brand(
        name=request.POST.get("name", "").strip()[:120] or account.name,
        logo=files["logo"] or account.brand.get("logo", ""),
        icon=files["icon"],
        accent=read_accent(request.POST),
    )
    return render(request, "accounts/brand_preview.html", {"brand": brand, "rows": SAMPLE_ROWS})


@login_required
@require_safe
def serve_preview_stylesheet(request: HttpRequest) -> HttpResponse:
    """Serve the colours of an accent that need not be saved; an empty sheet for what is no colour."""
    get_current_account(request, may="manage")
    accent = read_accent(request.GET)
    return HttpResponse(format_stylesheet(accent) if accent else "", content_type="text/css")


def read_accent(values: QueryDict) -> str:
    """Read the accent that a form or address has; "" for what is no colour."""
    accent = values.get("accent", "").strip().lower()
    return accent if ACCENT_PATTERN.fullmatch(accent) else ""


def list_files(account: Account) -> dict[str, str]:
    """List the images of the white label by kind, as addresses that contain them; "" for one that there is not."""
    found = dict.fromkeys(BrandFileKind.values, "")
    for row in account.brand_files.all():
        found[row.kind] = "data:image/png;base64," + b64encode(bytes(row.body)).decode()
    return found
