"""The operator's pages of billing webhooks, and of what was sent to them."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.audit.repetition import record_shown
from accounts.forms import add_errors
from accounts.operations.views import require_operator
from accounts.settings_parts import build_account_navigation, render_secrets
from sites.alerts.billing import EVENTS, TEST_PLACE, select_deliveries, select_webhooks
from sites.alerts.channel_trial import test_message_send
from sites.alerts.forms import BillingWebhookForm
from sites.alerts.models import Channel, ChannelKind, DeliveryState
from sites.alerts.services import billing_delivery_repeat, channel_delete, channel_save, channel_secret_replace

PAGE_SIZE = 50


def get_webhook(webhook_id: int) -> Channel:
    """Return a webhook of the installation. Raises Http404."""
    return get_object_or_404(select_webhooks(), pk=webhook_id)


@require_operator
@require_safe
def list_webhooks(request: HttpRequest) -> HttpResponse:
    """List the webhooks, and what was sent to them; `?state=failed` only what was given up."""
    state = request.GET.get("state", "")
    deliveries = select_deliveries()
    if state in DeliveryState.values:
        deliveries = deliveries.filter(state=state)
    context = {
        "webhooks": select_webhooks(),
        "events": EVENTS.items(),
        "deliveries": Paginator(deliveries, PAGE_SIZE).get_page(request.GET.get("page")),
        "states": DeliveryState.choices,
        "state": state,
        "settings_nav": build_account_navigation(request, "billing"),
        "section": "settings",
    }
    return render(request, "billing/webhooks.html", context)


@require_operator
@require_http_methods(["GET", "HEAD", "POST"])
def edit_webhook(request: HttpRequest, webhook_id: int | None = None) -> HttpResponse:
    """Show or save the form of a new or an existing webhook."""
    webhook = get_webhook(webhook_id) if webhook_id is not None else None
    form = BillingWebhookForm(request.POST or None, instance=webhook or Channel(kind=ChannelKind.WEBHOOK))
    if request.method == "POST" and form.is_valid():
        try:
            saved = channel_save(channel=form.save(commit=False))
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"“{saved.name}” was saved. Send it a test to be sure.")
            return redirect("billing:webhook", saved.pk)
    context = {
        "form": form,
        "webhook": webhook,
        "settings_nav": build_account_navigation(request, "billing"),
        "section": "settings",
    }
    return render(request, "billing/webhook.html", context)


@require_operator
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def show_webhook_secret(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Show the secret that requests are signed with; a POST replaces it."""
    webhook = get_webhook(webhook_id)
    if request.method == "POST":
        channel_secret_replace(channel=webhook)
        messages.success(request, f"“{webhook.name}” has a new secret. Give it to the receiver.")
        return redirect("billing:webhook", webhook.pk)
    record_shown("webhook_secret.shown", webhook, webhook.secret)
    back = reverse("billing:webhook", args=[webhook.pk])
    return render_secrets(request, f"Secret of “{webhook.name}”", {"secret": webhook.secret}, back=back)


@require_operator
@require_POST
def send_webhook_test(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Send a test message now and report the outcome."""
    message, arrived = test_message_send(channel=get_webhook(webhook_id), place=TEST_PLACE, now=timezone.now())
    messages.add_message(request, messages.SUCCESS if arrived else messages.ERROR, message)
    return redirect("billing:webhook", webhook_id)


@require_operator
@require_POST
def delete_webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Delete a webhook and the log of what was sent to it."""
    channel_delete(channel=get_webhook(webhook_id))
    messages.success(request, "The webhook is deleted.")
    return redirect("billing:webhooks")


@require_operator
@require_POST
def repeat_delivery(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """Have a delivery that was given up tried once more."""
    delivery = get_object_or_404(select_deliveries(), pk=delivery_id)
    if billing_delivery_repeat(delivery=delivery, now=timezone.now()):
        messages.success(request, "It is sent again within some seconds.")
    return redirect("billing:webhooks")
