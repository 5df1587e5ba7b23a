"""Everything that happens again and again: one row each.

A function takes no argument but an optional `now` (aware UTC datetime). Every function may run twice at once, and
late: it looks at the clock it is given and at what is there, never at what it did last time.
"""

from __future__ import annotations

from typing import NamedTuple


class Period(NamedTuple):
    """What, by which function (dotted path), every how many seconds."""

    name: str
    path: str
    seconds: float
    guarded: bool = True  # run once at a time over all workers, and written down; needs the database
    longest: float = 600  # seconds after which the next run may begin even if this one has not ended


MINUTE, HOUR = 60, 3600

PERIODS: tuple[Period, ...] = (
    Period("heartbeat", "config.health.beat", 10, guarded=False),
    # `uptime` and `deliveries` claim work for a while, then only wait for slow servers while the next run begins
    Period("uptime", "sites.uptime.services.monitors_check", 5, longest=50),
    Period("incidents told late", "sites.uptime.services.incidents_tell_late", MINUTE),
    Period("incidents priced", "reports.prices.services.incidents_price", 5 * MINUTE),
    Period("uptime forgets", "sites.uptime.run.forget_old_hours", 24 * HOUR),
    Period("custom domains", "accounts.custom_domains.checks.claims_check", MINUTE),
    Period("links paused", "links.pausing.pause_expired", MINUTE),
    Period("link destinations", "links.watch.destinations_check", 5 * MINUTE),
    Period("alerts", "sites.alerts.services.alerts_watch", MINUTE),
    Period("deliveries", "sites.alerts.deliver.deliver_due", 5, longest=25),
    Period("goals named", "goals.discovery.discover", 5 * MINUTE),
    Period("goals named lately", "goals.discovery.discover_lately", 3),
    Period("rollups", "reports.rollups.catch_up", 10 * MINUTE),
    Period("quotas counted", "reports.quota.quotas_count", 5 * MINUTE),
    Period("salts", "tracking.salts.rotate", HOUR),
    Period("retention", "tracking.upkeep.retention", 6 * HOUR),
    Period("corrections finished", "tracking.upkeep.finish", HOUR),
    Period("digests", "reports.digest.send.digests_send", 10 * MINUTE),
)
