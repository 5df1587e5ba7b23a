"""The “Check now” button of hosts that are not verified yet."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest

from accounts.custom_domains.checks import claim_check_now
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
