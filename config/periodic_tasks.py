"""The schedule: one row for each periodic task.

A task's function takes no argument but an optional `now` (aware UTC datetime). It may run late, or twice at once, so it
depends on `now` and the present data only, not on its last run.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_BEAT_SECONDS = 600.0


class PeriodicTask(NamedTuple):
    """A task: the dotted path of its function, and its interval in seconds."""

    name: str
    path: str
    seconds: float
    is_guarded: bool = True  # run once at a time over all workers and recorded, which needs the database
    # Seconds after which the next run may begin although this one has not ended. A dead worker is noticed much earlier
    max_seconds: float = 600

    @property
    def beat_seconds(self) -> float:
        """Seconds between starts by beat, at most MAX_BEAT_SECONDS. Rarer tasks run only if `min_interval` has passed.

        Beat loses the time of the last start at a restart, so with a restart a day a daily task would never run.
        """
        return min(self.seconds, MAX_BEAT_SECONDS)

    @property
    def min_interval(self) -> float:
        """The minimum seconds between the starts of two runs; 0 if beat alone decides."""
        return self.seconds - MAX_BEAT_SECONDS / 2 if self.seconds > MAX_BEAT_SECONDS else 0.0


MINUTE, HOUR = 60, 3600

PERIODIC_TASKS: tuple[PeriodicTask, ...] = (
    PeriodicTask("heartbeat", "config.health.record_heartbeat", 10, is_guarded=False),
    # `uptime` and `deliveries` claim work for a while, then only wait for slow servers while the next run begins
    PeriodicTask("uptime", "sites.uptime.services.monitors_check", 5, max_seconds=50),
    PeriodicTask("missed incident notifications", "sites.uptime.services.incidents_notify_late", MINUTE),
    PeriodicTask(
        "incident costs", "reports.incident_costs.services.incident_costs_estimate", 5 * MINUTE, max_seconds=HOUR
    ),
    PeriodicTask("old uptime history", "sites.uptime.scheduler.delete_old_history", 24 * HOUR),
    PeriodicTask("custom domains", "accounts.custom_domains.claim_checks.claims_check", MINUTE),
    PeriodicTask("e-mail domains", "accounts.services.sso_domains.sso_domains_check", HOUR),
    PeriodicTask("expired links", "links.redirect.pausing.pause_expired", MINUTE),
    PeriodicTask("link destinations", "links.monitoring.destination_checks.destinations_check", 5 * MINUTE),
    PeriodicTask("alerts", "sites.alerts.services.alerts_evaluate", MINUTE),
    PeriodicTask("deliveries", "sites.alerts.deliveries.deliver_due", 5, max_seconds=25),
    PeriodicTask("named goals", "goals.discovery.create_named_goals", MINUTE),
    PeriodicTask("recently named goals", "goals.discovery.create_recently_named_goals", 3),
    PeriodicTask("rollups", "reports.query.rollups.schedule.build_outdated_days", 10 * MINUTE, max_seconds=2 * HOUR),
    PeriodicTask("usage", "reports.usage.counting.count_recent_usage", 5 * MINUTE, max_seconds=HOUR),
    PeriodicTask("usage of the month", "reports.usage.counting.count_month_again", 6 * HOUR, max_seconds=HOUR),
    PeriodicTask("full plans", "reports.usage.notices.notify_of_full_plans", HOUR, max_seconds=HOUR),
    PeriodicTask("usage for billing", "reports.usage.billing.usage_record", HOUR, max_seconds=HOUR),
    PeriodicTask("old billing deliveries", "sites.alerts.services.billing_deliveries_clear", 24 * HOUR),
    PeriodicTask("old usage", "accounts.services.usage.usage_clear", 24 * HOUR),
    PeriodicTask("salts", "config.process.rotate_salts", HOUR),
    PeriodicTask("retention", "tracking.maintenance.delete_expired_events", 6 * HOUR, max_seconds=6 * HOUR),
    PeriodicTask("interrupted corrections", "tracking.maintenance.finish_corrections", HOUR, max_seconds=6 * HOUR),
    PeriodicTask("unverified sign-ups", "accounts.services.sign_ups.sign_ups_expire", HOUR),
    PeriodicTask("old idempotency keys", "accounts.services.idempotency.idempotent_requests_clear", HOUR),
    PeriodicTask("exports", "accounts.exports.services.exports_write", 5, max_seconds=15 * MINUTE),
    PeriodicTask("old exports", "accounts.exports.services.exports_clear", HOUR),
    PeriodicTask("notices by mail", "accounts.services.notice_mails.notice_mails_send", MINUTE),
    PeriodicTask("old notices", "accounts.notices.services.notices_clear", 24 * HOUR),
    PeriodicTask("seals of the audit log", "accounts.audit.chain.entries_seal", 10),
    PeriodicTask("old entries of the audit log", "accounts.audit.retention.audit_entries_expire", 24 * HOUR),
    PeriodicTask("expired sessions", "accounts.security.sessions.sessions_clear", 24 * HOUR),
    PeriodicTask("widgets that are over", "reports.onsite.services.widgets_clear", HOUR),
    PeriodicTask("old mail files", "accounts.operations.mailbox.mails_clear", 24 * HOUR),
    PeriodicTask("digests", "reports.digests.services.digests_send", 10 * MINUTE, max_seconds=2 * HOUR),
)
