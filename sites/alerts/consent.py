"""Pages for those who read an e-mail address that somebody typed: agree to its messages, end them. No log-in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from sites.alerts.confirmation import (
    CONFIRM_SALT,
    LINK_LASTS,
    STOP_SALT,
    channel_confirm,
    channel_of_token,
    channel_stop,
)


@never_cache
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The link in the mail that asks: GET shows a button, POST agrees."""
    channel = channel_of_token(token, CONFIRM_SALT, LINK_LASTS)
    if channel is not None and request.method == "POST":
        channel_confirm(channel=channel, now=timezone.now())
        channel.refresh_from_db()
    return render(request, "sites/channel_confirm.html", {"channel": channel}, status=200 if channel else 404)


@csrf_exempt
@never_cache
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """The link in every message: GET shows a button, POST ends them at once, as RFC 8058 wants, for its holder."""
    channel = channel_of_token(token, STOP_SALT)
    if channel is not None and request.method == "POST":
        channel_stop(channel=channel)
        channel.refresh_from_db()
    return render(request, "sites/channel_stop.html", {"channel": channel}, status=200 if channel else 404)
