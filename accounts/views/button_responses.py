"""The responses of two buttons that pages of several apps have: “Check now” of a host that is not verified yet, and
“Show” (`templates/_reveal.html`) of secrets that the page itself does not contain.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.custom_domains.claim_checks import claim_check_now
from accounts.models import HostClaim
from accounts.security import rate_limits


def check_host_now(request: HttpRequest, claim: HostClaim) -> bool:
    """Check the claim's DNS record and show the result as a message; returns False if the account checks too often."""
    if wait := claim_check_now(claim):
        messages.error(request, rate_limits.format_wait_message(wait, "checks"))
        return False
    checked = HostClaim.objects.filter(pk=claim.pk).first()
    if checked is not None and checked.proved:
        messages.success(request, f"{checked.host} is verified.")
    elif checked is not None:
        messages.info(request, f"Checked just now. {checked.check_result}")
    return True


def render_secrets(request: HttpRequest, title: str, secrets: Mapping[str, str], back: str) -> HttpResponse:
    """Render secrets by label: for htmx as part of a page, else as a page of their own that leads back to `back`.

    An empty secret is one that cannot be decrypted. The view must be marked `never_cache`.
    """
    template = "_secrets.html" if request.headers.get("HX-Request") else "secrets.html"
    return render(request, template, {"title": title, "secrets": secrets.items(), "back": back})
