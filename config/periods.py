"""Everything that happens again and again: one row each.

A function takes no argument but an optional `now` (aware UTC datetime). Every function may run twice at once, and
late: it looks at the clock it is given and at what is there, never at what it did last time.
"""

from __future__ import annotations

from typing import NamedTuple

LONGEST_STEP = 600.0


class Period(NamedTuple):
    """What, by which function (dotted path), every how many seconds."""

    name: str
    path: str
    seconds: float
    guarded: bool = True  # run once at a time over all workers, and written down; needs the database
    # Seconds after which the next run may begin even if this one goes on; that its worker died is noticed much earlier
    longest: float = 600

    @property
    def step(self) -> float:
        """Every how many seconds beat starts the task. A task of hours runs then if its last run is long enough ago:
        beat remembers nothing over a restart, so that one of a day would never run where there is one every day."""
        return min(self.seconds, LONGEST_STEP)

    @property
    def pause(self) -> float:
        """The least seconds between the starts of two runs; 0 where beat alone decides."""
        return self.seconds - LONGEST_STEP / 2 if self.seconds > LONGEST_STEP else 0.0


MINUTE, HOUR = 60, 3600

PERIODS: tuple[Period, ...] = (
    Period("heartbeat", "config.health.beat", 10, guarded=False),
    # `uptime` and `deliveries` claim work for a while, then only wait for slow servers while the next run begins
    Period("uptime", "sites.uptime.services.monitors_check", 5, longest=50),
    Period("incidents told late", "sites.uptime.services.incidents_tell_late", MINUTE),
    Period("incidents priced", "reports.prices.services.incidents_price", 5 * MINUTE, longest=HOUR),
    Period("uptime forgets", "sites.uptime.run.forget_old_hours", 24 * HOUR),
    Period("custom domains", "accounts.custom_domains.checks.claims_check", MINUTE),
    Period("links paused", "links.pausing.pause_expired", MINUTE),
    Period("link destinations", "links.watch.destinations_check", 5 * MINUTE),
    Period("alerts", "sites.alerts.services.alerts_watch", MINUTE),
    Period("deliveries", "sites.alerts.deliver.deliver_due", 5, longest=25),
    Period("goals named", "goals.discovery.discover", MINUTE),
    Period("goals named lately", "goals.discovery.discover_lately", 3),
    Period("rollups", "reports.rollups.catch_up", 10 * MINUTE, longest=2 * HOUR),
    Period("quotas counted", "reports.quota.quotas_count", 5 * MINUTE, longest=HOUR),
    Period("salts", "tracking.salts.rotate", HOUR),
    Period("retention", "tracking.upkeep.retention", 6 * HOUR, longest=6 * HOUR),
    Period("corrections finished", "tracking.upkeep.finish", HOUR, longest=6 * HOUR),
    Period("sessions cleared", "accounts.operations.cleanup.sessions_clear", 24 * HOUR),
    Period("mail files cleared", "accounts.operations.cleanup.mails_clear", 24 * HOUR),
    Period("digests", "reports.digest.send.digests_send", 10 * MINUTE, longest=2 * HOUR),
)
