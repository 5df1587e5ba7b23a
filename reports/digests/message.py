"""The e-mail of a digest: its text and HTML, the chart inside it, and the CSV file."""

from __future__ import annotations

import io
from email.mime.image import MIMEImage

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from PIL import Image, ImageDraw

from accounts.branding import DEFAULT_BRAND, Brand, load_brand
from accounts.mail import build_headers, join_to_line
from accounts.spreadsheets import BYTE_ORDER_MARK, format_csv
from reports.digests.content import SiteDigest
from reports.digests.models import DigestSubscription

MAX_FULL_SITES = 3  # sites that are reported in full; the others get one line each
CHART_WIDTH, CHART_HEIGHT, CHART_GAP = 1120, 240, 8  # pixels: twice the size in the mail, for sharp screens


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
    stop = brand.base_url + reverse("digests:stop", args=[subscription.unsubscribe_token])
    context = {"digests": digests[:MAX_FULL_SITES], "others": digests[MAX_FULL_SITES:], "brand": brand, "stop": stop}
    names = ", ".join(str(digest.site) for digest in digests[:2]) + (" …" if len(digests) > 2 else "")
    mail = DigestEmail(
        subject=join_to_line(f"{names}: {digests[0].span}"),
        body=render_to_string("digests/digest.txt", context),
        from_email=brand.sender,
        to=[subscription.user.email],
        headers=build_headers(brand.sender, stop),
    )
    mail.attach_alternative(render_to_string("digests/digest.html", context), "text/html")
    for digest in digests[:MAX_FULL_SITES]:
        mail.attach(build_chart_attachment(digest, brand))
    if subscription.attach_csv:
        mail.attach("report.csv", build_csv(digests), "text/csv")
    return mail


def draw_chart(digest: SiteDigest, brand: Brand) -> bytes:
    """Draw the digest's bars in the brand's color, scaled to the highest one; a bar of 0 is a thin line.

    As a PNG, because mail clients do not display SVG.
    """
    image = Image.new("RGBA", (CHART_WIDTH, CHART_HEIGHT), "#00000000")
    draw = ImageDraw.Draw(image)
    highest = max((count for _, count in digest.bars), default=0) or 1
    pitch = CHART_WIDTH / max(1, len(digest.bars))
    for index, (_, count) in enumerate(digest.bars):
        top = CHART_HEIGHT - max(3, round(count / highest * CHART_HEIGHT))
        right = max(index * pitch + 1, (index + 1) * pitch - CHART_GAP)
        draw.rounded_rectangle((index * pitch, top, right, CHART_HEIGHT), radius=4, fill=brand.color)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def build_chart_attachment(digest: SiteDigest, brand: Brand) -> MIMEImage:
    image = MIMEImage(draw_chart(digest, brand), "png")
    image.add_header("Content-ID", f"<chart-{digest.site.pk}>")
    image.add_header("Content-Disposition", "inline", filename=f"chart-{digest.site.pk}.png")
    return image


def build_csv(digests: list[SiteDigest]) -> str:
    """Build a CSV file of all sites' key figures and top rows."""
    rows: list[tuple[object, ...]] = [("site", "report", "name", "value")]
    for digest in digests:
        site = str(digest.site)
        rows += [(site, "key figures", line.label, line.formatted.exact) for line in digest.key_figures]
        rows += [(site, label, row.value, row.count) for label, panel in digest.panels for row in panel]
    return BYTE_ORDER_MARK + format_csv(rows)
