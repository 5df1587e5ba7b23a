"""The “Check now” button beside a host that waits for its proof."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest

from accounts import throttle
from accounts.custom_domains.checks import claim_check_now
from accounts.custom_domains.models import HostClaim


def check_now(request: HttpRequest, claim: HostClaim) -> bool:
    """Look for the claim's DNS record and tell the person the result; False if the account asked too often."""
    if wait := claim_check_now(claim):
        messages.error(request, throttle.refusal_message(wait, "checks"))
        return False
    now = HostClaim.objects.filter(pk=claim.pk).first()
    if now is not None and now.proved:
        messages.success(request, f"{now.host} is proved.")
    elif now is not None:
        messages.info(request, f"Looked just now. {now.check_result}")
    return True
