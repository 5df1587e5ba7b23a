"""The latest traffic of a site, for someone who has just put the tracking code into a page."""

from __future__ import annotations

from datetime import datetime, timedelta

from reports.query import Period
from reports.query.analyses.ingestion_audit import fetch_audit, sum_entries
from reports.query.analyses.visit_lists import list_actions
from sites.installation import SiteTraffic
from tracking.event import REASONS
from tracking.store import StoreError

RECENT = timedelta(minutes=30)
SEARCH_LENGTHS = (RECENT, timedelta(days=30))  # for a site with traffic the first, short search is enough
MAX_REASONS = 3


def find_traffic(site_id: int, now: datetime) -> SiteTraffic | None:
    """Return the newest action of the last 30 days, and the most frequent reasons of rejections in the last half hour.

    None if the store fails.
    """
    end = now + timedelta(seconds=1)
    try:
        rejected = sum_entries(fetch_audit(site_id, Period(end - RECENT, end), "minute")).rejected
        reasons = {REASONS.get(reason, reason): hits for reason, hits in rejected.most_common(MAX_REASONS)}
        for length in SEARCH_LENGTHS:
            if rows := list_actions((site_id,), Period(end - length, end), limit=1, now=now):
                return SiteTraffic(rows[0]["ts"], rows[0]["path"], reasons)
    except StoreError:
        return None
    return SiteTraffic(rejections=reasons)
