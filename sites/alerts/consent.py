"""Pages without log-in for the recipients of e-mail channels: confirm the address, stop its messages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from sites.alerts.confirmation import (
    CONFIRM_LINK_LIFETIME,
    CONFIRM_SALT,
    STOP_SALT,
    channel_confirm,
    channel_stop,
    find_channel_by_token,
)


@never_cache
def confirm_channel(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page of the confirmation mail's link; POST confirms the address."""
    channel = find_channel_by_token(token, CONFIRM_SALT, CONFIRM_LINK_LIFETIME)
    if channel is not None and request.method == "POST":
        channel_confirm(channel=channel, now=timezone.now())
        channel.refresh_from_db()
    return render(request, "alerts/channel_confirm.html", {"channel": channel}, status=200 if channel else 404)


@csrf_exempt
@never_cache
def stop_channel(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page of every message's stop link; POST stops the messages at once, as RFC 8058 requires."""
    channel = find_channel_by_token(token, STOP_SALT)
    if channel is not None and request.method == "POST":
        channel_stop(channel=channel)
        channel.refresh_from_db()
    return render(request, "alerts/channel_stop.html", {"channel": channel}, status=200 if channel else 404)
