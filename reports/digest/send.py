"""Sends digests: once per closed period, at six in the morning in the zone of the subscription's first site."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from email.mime.image import MIMEImage
from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string

from accounts.branding import DEFAULT_BRAND, Brand, load_brand
from accounts.mail import join_lines
from accounts.operations.task_runs import run_each
from reports.csv_cells import escape_cell
from reports.digest.chart import DEFAULT_COLOR, draw_bars
from reports.digest.content import SiteDigest, build_digest, find_closed_period
from reports.digest.models import DigestMail, DigestSubscription
from reports.query import Period
from sites.access import sites_for_actor
from sites.models import Site
from tracking.store import StoreAway

HOUR = 6
MAX_FULL_SITES = 3  # sites that are reported in full; the others get one line each
MAX_DELAY = timedelta(days=3)  # a digest that is later than this is not sent


def digests_send(*, now: datetime) -> int:
    """Send every digest that is due and was not claimed; returns the number of mails sent. Safe to run twice.

    A digest that cannot be built is logged and tried again in the next round; the others are sent. Only a store that
    cannot be reached ends the round, since no other digest could be built either.
    """
    due = DigestSubscription.objects.filter(enabled=True, user__is_active=True).select_related("user")
    return sum(run_each(due, lambda row: digest_send(subscription=row, now=now), what="Digest", stop_for=(StoreAway,)))


def digest_send(*, subscription: DigestSubscription, now: datetime) -> bool:
    """Send a subscription's mail for the last closed period, if it is due; return whether it was sent."""
    sites = list(list_visible_sites(subscription))
    if not sites:
        return False
    period = find_closed_period(subscription.frequency, sites[0].timezone, now)
    local = now.astimezone(ZoneInfo(sites[0].timezone))
    if local.hour < HOUR or now - period.end > MAX_DELAY or subscription.created > period.end:
        return False
    if subscription.mails.filter(period=format_period(period)).exists():
        return False
    # Built before the claim, because a mail that was claimed is never tried again
    frequency = subscription.frequency
    digests = [build_digest(site, find_closed_period(frequency, site.timezone, now), now) for site in sites]
    message = build_message(subscription, digests)
    mail = claim(subscription, period)
    return mail is not None and deliver(message, mail, now)


def deliver(message: DigestEmail, mail: DigestMail, now: datetime) -> bool:
    """Send a claimed mail and record the outcome; return whether it was sent."""
    try:
        message.send()
    except Exception as error:
        DigestMail.objects.filter(pk=mail.pk).update(error=f"{type(error).__name__}: {error}"[:300])
        if isinstance(error, OSError):
            return False
        raise
    DigestMail.objects.filter(pk=mail.pk).update(sent=now)
    return True


def claim(subscription: DigestSubscription, period: Period) -> DigestMail | None:
    """Claim the sending of this period's mail; return None if it was claimed before."""
    try:
        with transaction.atomic():
            return DigestMail.objects.create(subscription=subscription, period=format_period(period))
    except IntegrityError:
        return None


def format_period(period: Period) -> str:
    return f"{period.first_day}..{period.last_day}"


def list_visible_sites(subscription: DigestSubscription) -> list[Site]:
    """Return the subscription's sites that its reader may still see."""
    mine = sites_for_actor(subscription.user)
    return list(mine.filter(pk__in=subscription.sites) if subscription.sites else mine)


def choose_brand(digests: list[SiteDigest]) -> Brand:
    """Return the brand that all the sites' accounts share, or else the default one."""
    brands = {load_brand(digest.site.account) for digest in digests}
    return brands.pop() if len(brands) == 1 else DEFAULT_BRAND


class DigestEmail(EmailMultiAlternatives):
    """A mail with images that its HTML displays."""

    mixed_subtype = "related"


def build_message(subscription: DigestSubscription, digests: list[SiteDigest]) -> DigestEmail:
    """Build the mail: plain text, HTML with its chart inline, one-click unsubscription, and CSV if wanted."""
    brand = choose_brand(digests)
    stop = f"{brand.base_url}/digests/stop/{subscription.unsubscribe_token}"
    context = {"digests": digests[:MAX_FULL_SITES], "others": digests[MAX_FULL_SITES:], "brand": brand, "stop": stop}
    names = ", ".join(str(digest.site) for digest in digests[:2]) + (" …" if len(digests) > 2 else "")
    mail = DigestEmail(
        subject=join_lines(f"{names}: {digests[0].span}"),
        body=render_to_string("digest/digest.txt", context),
        from_email=brand.sender,
        to=[subscription.user.email],
        headers={"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )
    mail.attach_alternative(render_to_string("digest/digest.html", context), "text/html")
    for digest in digests[:MAX_FULL_SITES]:
        mail.attach(build_chart_attachment(digest, brand))
    if subscription.attach_csv:
        mail.attach("report.csv", format_csv(digests), "text/csv")
    return mail


def draw_chart(digest: SiteDigest, brand: Brand) -> bytes:
    """Draw the digest's bars as a PNG, in the brand's color."""
    return draw_bars(digest.bars, brand.accent or DEFAULT_COLOR)


def build_chart_attachment(digest: SiteDigest, brand: Brand) -> MIMEImage:
    image = MIMEImage(draw_chart(digest, brand), "png")
    image.add_header("Content-ID", f"<chart-{digest.site.pk}>")
    image.add_header("Content-Disposition", "inline", filename=f"chart-{digest.site.pk}.png")
    return image


def format_csv(digests: list[SiteDigest]) -> str:
    """Write all sites' key figures and top rows as CSV, formulas escaped, with a byte order mark for Excel."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["site", "report", "name", "value"])
    for digest in digests:
        for line in digest.key_figures:
            writer.writerow([escape_cell(str(digest.site)), "headline", line.label, line.formatted.exact])
        for label, rows in digest.panels:
            for row in rows:
                writer.writerow([escape_cell(str(digest.site)), label, escape_cell(row["value"]), row["count"]])
    return "\ufeff" + out.getvalue()
