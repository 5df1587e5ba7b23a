"""What the audit log records of alerts and their channels. The target of a channel may be a secret address."""

from accounts.audit.subjects import AuditSubject

ALERT_SUBJECTS = (
    AuditSubject(
        name="channel",
        label="Channel",
        account="account_id",
        verbs=("created", "changed", "deleted", "confirmed", "stopped", "tested", "delivery_repeated"),
        shown=frozenset(("kind", "name", "enabled", "quiet_from", "quiet_until", "switched_off", "delivery")),
        ignored=frozenset(("failing_since", "confirmed")),
    ),
    AuditSubject(
        name="webhook_secret", label="Secret of a webhook", account="account_id", verbs=("shown", "replaced")
    ),
    AuditSubject(
        name="alert",
        label="Alert",
        account="site.account_id",
        shown=frozenset(("site_id", "name", "condition", "parameters", "channels", "throttle_minutes", "enabled")),
        ignored=frozenset(("last_fired", "memory")),
    ),
)  # fmt: skip
