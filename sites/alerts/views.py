"""Pages of alerts: the alerts of a site, the channels of its account, and what was sent; and those
without log-in for the recipients of e-mail channels, who confirm their address and stop its messages.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.audit.repetition import record_shown
from accounts.forms import add_errors
from accounts.permissions import find_membership, membership_may
from accounts.settings_parts import render_secrets
from sites.alerts.channel_trial import ask_to_confirm, test_message_send
from sites.alerts.condition_registry import CONDITIONS
from sites.alerts.confirmation import (
    CODE_SALT,
    CONFIRM_LINK_LIFETIME,
    CONFIRM_SALT,
    STOP_SALT,
    channel_confirm,
    channel_stop,
    check_code,
    find_channel_by_token,
)
from sites.alerts.forms import AlertForm, ChannelForm
from sites.alerts.models import Alert, Channel, ChannelKind, Delivery
from sites.alerts.services import (
    alert_delete,
    alert_save,
    channel_delete,
    channel_save,
    channel_secret_replace,
)
from sites.models import Site
from sites.selectors import get_site_or_404


def get_site_for_account_editor(request: HttpRequest, site_id: int) -> Site:
    """Fetch a site for users who may edit its account, since channels belong to the account. Guests get Http404."""
    site = get_site_or_404(request, site_id, may="edit")
    if not membership_may(find_membership(request.user, site.account), "edit"):
        raise Http404("No such account.")
    return site


@login_required
def list_alerts(request: HttpRequest, site_id: int) -> HttpResponse:
    """List the alerts of the site, the account's channels, and the last deliveries."""
    site = get_site_for_account_editor(request, site_id)
    context = {
        "site": site,
        "section": "uptime",
        "alerts": site.alerts.prefetch_related("channels").order_by("name"),
        "channels": site.account.channels.order_by("name"),
        "conditions": CONDITIONS.values(),
        "deliveries": Delivery.objects.filter(alert__site=site).select_related("channel").order_by("-created")[:50],
    }
    return render(request, "alerts/alerts.html", context)


@login_required
def edit_alert(request: HttpRequest, site_id: int, condition: str = "", alert_id: int | None = None) -> HttpResponse:
    """Show or save the form of a new alert on `condition`, or of an existing alert."""
    site = get_site_for_account_editor(request, site_id)
    alert = get_object_or_404(Alert, pk=alert_id, site=site) if alert_id else Alert(site=site, condition=condition)
    row = CONDITIONS.get(alert.condition)
    if row is None:
        raise Http404("No such condition.")
    form = AlertForm(request.POST or None, instance=alert, site=site, condition=row)
    if request.method == "POST" and form.is_valid():
        saved, channels = form.save(commit=False), form.cleaned_data["channels"]
        try:
            alert_save(alert=saved, parameters=form.get_parameters(), channels=channels)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"“{alert.name}” is watched.")
            return redirect("alerts:list", site.pk)
    context = {"site": site, "section": "uptime", "form": form, "title": row.label, "doc": row.doc}
    return render(request, "alerts/alert_form.html", context)


@login_required
@require_POST
def delete_alert(request: HttpRequest, site_id: int, alert_id: int) -> HttpResponse:
    """Delete an alert."""
    site = get_site_for_account_editor(request, site_id)
    alert_delete(alert=get_object_or_404(Alert, pk=alert_id, site=site))
    return redirect("alerts:list", site.pk)


@login_required
def edit_channel(request: HttpRequest, site_id: int, channel_id: int | None = None) -> HttpResponse:
    """Show or save the form of a new or an existing channel of the site's account."""
    site = get_site_for_account_editor(request, site_id)
    channel = get_object_or_404(Channel, pk=channel_id, account=site.account) if channel_id else None
    form = ChannelForm(request.POST or None, instance=channel or Channel(account=site.account))
    if request.method == "POST" and form.is_valid():
        try:
            saved = channel_save(channel=form.save(commit=False))
        except ValidationError as error:
            add_errors(form, error)
        else:
            if saved.enabled and saved.waits_for_confirmation:
                send_confirmation(request, saved)
            else:
                messages.success(request, f"{saved} was saved. Send it a test message to be sure.")
            return redirect("alerts:list", site.pk)
    context = {"site": site, "section": "uptime", "form": form, "title": "Where messages go", "channel": channel}
    return render(request, "alerts/alert_form.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def show_channel_secret(request: HttpRequest, site_id: int, channel_id: int) -> HttpResponse:
    """Show the secret that a webhook is signed with; a POST replaces it."""
    site = get_site_for_account_editor(request, site_id)
    channel = get_object_or_404(Channel, pk=channel_id, account=site.account, kind=ChannelKind.WEBHOOK)
    if request.method == "POST":
        channel_secret_replace(channel=channel)
        messages.success(request, f"“{channel.name}” has a new secret. Give it to the receiver.")
        return redirect("alerts:channel-edit", site.pk, channel.pk)
    record_shown("webhook_secret.shown", channel, channel.secret)
    back = reverse("alerts:channel-edit", args=[site.pk, channel.pk])
    return render_secrets(request, f"Secret of “{channel.name}”", {"secret": channel.secret}, back=back)


@login_required
@require_POST
def send_test_message(request: HttpRequest, site_id: int, channel_id: int) -> HttpResponse:
    """Send a test message now and report the outcome."""
    site = get_site_for_account_editor(request, site_id)
    channel = get_object_or_404(Channel, pk=channel_id, account=site.account)
    try:
        message, arrived = test_message_send(channel=channel, place=str(site), now=timezone.now())
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("alerts:list", site.pk)
    messages.add_message(request, messages.SUCCESS if arrived else messages.ERROR, message)
    return redirect("alerts:list", site.pk)


@login_required
@require_POST
def repeat_confirmation(request: HttpRequest, site_id: int, channel_id: int) -> HttpResponse:
    """Send the confirmation mail again."""
    site = get_site_for_account_editor(request, site_id)
    channel = get_object_or_404(Channel, pk=channel_id, account=site.account)
    if channel.waits_for_confirmation:
        send_confirmation(request, channel)
    return redirect("alerts:list", site.pk)


def send_confirmation(request: HttpRequest, channel: Channel) -> None:
    """Send the mail that asks the recipient to confirm, and say on the next page whether it was sent."""
    message, sent = ask_to_confirm(channel)
    messages.add_message(request, messages.SUCCESS if sent else messages.ERROR, message)


@login_required
@require_POST
def delete_channel(request: HttpRequest, site_id: int, channel_id: int) -> HttpResponse:
    """Delete a channel and the log of what was sent to it."""
    site = get_site_for_account_editor(request, site_id)
    channel_delete(channel=get_object_or_404(Channel, pk=channel_id, account=site.account))
    return redirect("alerts:list", site.pk)


@never_cache
def confirm_channel(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page of the confirmation mail's link; POST confirms the address, on the host of a white label with the
    code that the mail has."""
    by_code, error = find_channel_by_token(token, CODE_SALT, CONFIRM_LINK_LIFETIME), ""
    channel = by_code or find_channel_by_token(token, CONFIRM_SALT, CONFIRM_LINK_LIFETIME)
    if channel is not None and request.method == "POST":
        try:
            if by_code is not None:
                check_code(by_code, token, request.POST.get("code", ""))
            channel_confirm(channel=channel, now=timezone.now())
        except ValidationError as refusal:
            error = " ".join(refusal.messages)
        channel.refresh_from_db()
    context = {"channel": channel, "needs_code": by_code is not None, "error": error}
    return render(request, "alerts/channel_confirm.html", context, status=200 if channel else 404)


@csrf_exempt
@never_cache
def stop_channel(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page of every message's stop link; POST stops the messages at once, as RFC 8058 requires."""
    channel = find_channel_by_token(token, STOP_SALT)
    if channel is not None and request.method == "POST":
        channel_stop(channel=channel)
        channel.refresh_from_db()
    return render(request, "alerts/channel_stop.html", {"channel": channel}, status=200 if channel else 404)
