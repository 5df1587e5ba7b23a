"""A site with one of everything, so that every page has something to show; and the addresses of all pages."""

from __future__ import annotations

import re
from collections.abc import Callable

ENTRY = re.compile(r'<li><a href="([^"]+)">')
# Words that together find everything in "go anywhere", which shows only the first of what it finds
WORDS = ("", "settings", "links", "documentation", "new", "overview", "account", "you", "reports")
# Pages with something in their address, beside those that can be gone to
OTHER_PAGES = {
    "filtered": "?period=30d&country=US&page~contains=b", "empty": "?country=AQ", "month": "?period=12m",
    "details": "details/page", "details-goal": "details/goal", "explain": "explain?metric=bounce_rate&period=30d",
    "visitor-actions": "visitors?people=actions", "retention-day": "retention?by=day",
    "heatmap": "heatmaps/page?at=/pricing", "journeys-of": "journeys?at=/pricing",
    "alert": "alerts/new/uptime", "channel": "alerts/channels/new",
}  # fmt: skip

CREATE_ONE_OF_EACH = """
import json, sys, django
django.setup()
from datetime import timedelta
from django.utils import timezone
from goals.services import funnel_save
from goals.services import goal_create, segment_create
from links.services.links import datapoint_create
from reports.annotations.services import note_add
from reports.sharing.services import share_create
from sites.models import Site
from sites.uptime.services import monitor_create
site = Site.objects.select_related("account").get(pk=int(sys.argv[1]))
now, long = timezone.now(), "A long name that somebody really gave it, " * 2
goal = goal_create(site=site, name="Priced " + long[:60], kind="page", pattern="/pricing")
funnel = funnel_save(site=site, name="Way to buy", steps=[{"page": "/pricing"}, {"goal": goal.pk}, {"page": "/launch"}])
where = [{"dimension": "page", "operator": "is", "value": ["/pricing"]}]
segment = segment_create(site=site, name="Pricing", filter=where, shared=True)
note_add(site=site, at=now - timedelta(hours=2), text="Launch " + long)
monitor = monitor_create(site=site, url="https://garden.example/", public=True)
share = share_create(site=site, name="Client", embed=True)
locked = share_create(site=site, name="Secret", password="a long enough password")
link = datapoint_create(account=site.account, title=long[:100], alias="spring", url="https://garden.localhost/pricing")
base = f"/sites/{site.pk}/"
json.dump({
    "goal": f"{base}goals/{goal.pk}", "goal-report": f"{base}goals/{goal.pk}/report",
    "funnel": f"{base}funnels/{funnel.pk}", "funnel-edit": f"{base}funnels/{funnel.pk}/edit",
    "segment": f"{base}?segment={segment.pk}", "monitor": f"{base}uptime/{monitor.pk}",
    "monitor-edit": f"{base}uptime/{monitor.pk}/edit", "status": f"/status/{site.pk}",
    "share": f"/share/{share.token}/", "share-details": f"/share/{share.token}/details/page",
    "embed": f"/share/{share.token}/embed", "share-password": f"/share/{locked.token}/",
    "link": f"/links/{link.pk}", "link-edit": f"/links/{link.pk}/edit", "visitor": base + "visitors",
}, sys.stdout)
"""


def find_offered_pages(read: Callable[[str], str], site: str) -> dict[str, str]:
    """Name and address of every page that "go anywhere" offers; `read` fetches an address, coming from `site`."""
    found: dict[str, str] = {}
    for word in WORDS:
        for address in ENTRY.findall(read(f"/go?q={word}")):
            if address.startswith(site) or not address.startswith("/sites/1"):
                name = address.removeprefix(site).strip("/").replace("/", "-") or "overview"
                found[name] = address
    return found
