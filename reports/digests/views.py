"""Pages of digests: the user's subscriptions, a preview, and unsubscribing without logging in."""

from __future__ import annotations

from base64 import b64encode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.branding import get_request_brand
from accounts.models import User
from accounts.settings_parts import build_account_navigation
from reports.digests.content import build_digest, find_closed_period
from reports.digests.message import draw_chart
from reports.digests.models import DigestSubscription, Frequency
from reports.digests.services import subscription_delete, subscription_save, subscription_stop
from sites.models import Site
from sites.selectors import get_site_or_404, select_sites


class SubscriptionForm(forms.Form):
    """A new subscription: how often, and of which sites."""

    every = forms.ChoiceField(choices=Frequency.choices, initial=Frequency.WEEK, label="Send")
    sites = forms.ModelMultipleChoiceField(  # if none is chosen, the digest is of all sites, also of future ones
        Site.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="If none is chosen: all",
    )
    attach_csv = forms.BooleanField(required=False, label="Attach the numbers as CSV")

    def __init__(self, user: User, data: QueryDict | None = None) -> None:
        super().__init__(data)
        self.fields["sites"].queryset = select_sites(user)  # type: ignore[attr-defined]


@login_required
def digests(request: HttpRequest) -> HttpResponse:
    """Display the user's subscriptions, and the form of a new one."""
    user: User = request.user  # type: ignore[assignment]
    form = SubscriptionForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        subscription_save(user=user, frequency=form.cleaned_data.pop("every"), **form.cleaned_data)
        messages.success(request, "The report is sent at six in the morning, in the time zone of your first site.")
        return redirect("digests:list")
    context = {
        "form": form,
        "subscriptions": user.digests.order_by("pk"),
        "first_site": select_sites(user).first(),
        "settings_nav": build_account_navigation(request, "digests"),
    }
    return render(request, "digests/digests.html", context)


@login_required
@require_POST
def digest_delete(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Delete one of the user's own subscriptions."""
    subscription_delete(subscription=get_object_or_404(DigestSubscription, pk=subscription_id, user=request.user))
    return redirect("digests:list")


@login_required
def preview(request: HttpRequest, site_id: int, frequency: str) -> HttpResponse:
    """Display the mail as it would be sent now, as a page in which attached images are inlined."""
    site = get_site_or_404(request, site_id)
    if frequency not in Frequency.values:
        raise Http404("A digest is sent every day, week or month.")
    now = timezone.now()
    digest = build_digest(site, find_closed_period(frequency, site.timezone, now), now)
    brand = get_request_brand(request)
    context = {"digests": [digest], "others": [], "brand": brand, "stop": reverse("digests:list")}
    inline = "data:image/png;base64," + b64encode(draw_chart(digest, brand)).decode()
    html = render_to_string("digests/digest.html", context).replace(f"cid:chart-{site.pk}", inline)
    response = HttpResponse(html)
    # Mails need inline styles; scripts are not allowed
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:"
    return response


@csrf_exempt
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """End a subscription by the link in a mail: GET asks first, POST does it, as RFC 8058 demands, without a log-in."""
    subscription = get_object_or_404(DigestSubscription.objects.with_unsubscribe_token(token))
    if request.method == "POST":
        subscription_stop(token=token)
        subscription.refresh_from_db()
    return render(request, "digests/stop.html", {"subscription": subscription})
