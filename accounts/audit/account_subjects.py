"""What the audit log records of users, accounts and members."""

from accounts.audit.subjects import AuditSubject, register_subjects

AUTHKEY_FIELDS = frozenset({"key_seed", "key_generation", "authkey_hash"})  # `replaced` says it

register_subjects(
    AuditSubject(
        name="account",
        label="Account",
        account="pk",
        verbs=(
            "created", "changed", "deleted", "suspended", "resumed", "impersonated", "impersonation_ended",
            "plan_changed",
        ),
        shown=frozenset({
            "name", "timezone", "monthly_events", "brand", "profile", "limits", "over_quota", "suspended",
            "suspension_reason", "second_factor_required", "collection_ends", "until", "reason", "person",
            "plan",
        }),
        ignored=AUTHKEY_FIELDS | {
            "events_used", "events_counted", "plan_id", "plan_limits", "api_calls_used", "over_api_calls",
            "usage_warning",
        },
    ),
    AuditSubject(name="account_key", label="Authkey of the account", account="pk", verbs=("shown", "replaced")),
    AuditSubject(
        name="own_key", label="Own key of a member", account="account_id", verbs=("shown", "replaced")
    ),
    AuditSubject(
        name="personal_token",
        label="Personal API token",
        account="membership.account_id",
        verbs=("created", "revoked"),
        shown=frozenset({"name", "prefix", "scopes", "sites", "expires"}),
        ignored=frozenset({"last_used"}),
    ),
    AuditSubject(
        name="user",
        label="Person",
        account="",
        verbs=("created", "changed", "deleted"),
        shown=frozenset({"email", "name", "is_active", "is_operator", "identities"}),
        ignored=frozenset({"last_login", "last_account_id", "preferences"}),
    ),
    AuditSubject(
        name="second_factor",
        label="Second factor",
        account="",
        verbs=("added", "removed", "replaced"),
        shown=frozenset({"kind"}),
    ),
    AuditSubject(name="password", label="Password", account="", verbs=("changed",)),
    AuditSubject(
        name="session",
        label="Log-in",
        account="",
        verbs=("started", "ended", "refused"),
        shown=frozenset({"email", "kind"}),
    ),
    AuditSubject(
        name="member",
        label="Member",
        account="account_id",
        verbs=("added", "changed", "removed", "joined"),
        shown=frozenset({"role", "options", "grants", "accepted"}),
        ignored=AUTHKEY_FIELDS | {"user_id"},
    ),
    AuditSubject(
        name="invitation",
        label="Invitation",
        account="account_id",
        verbs=("created", "resent", "link_shown", "revoked", "accepted"),
        shown=frozenset({"email", "role", "grants"}),
    ),
    AuditSubject(
        name="installation", label="Installation", account="", verbs=("changed",), shown=frozenset({"sign_up"})
    ),
    AuditSubject(
        name="exposed_key", label="Exposed key", account="account_id", verbs=("dismissed",), shown=frozenset({"kind"})
    ),
    AuditSubject(
        name="host",
        label="Host name",
        account="account_id",
        verbs=("claimed", "verified", "verification_withdrawn", "released"),
        shown=frozenset({"host", "purpose", "verification_method", "check_result"}),
    ),
    AuditSubject(
        name="audit_log",
        label="Audit log entries",
        account="pk",
        verbs=("expired", "exported"),
        shown=frozenset({"entries", "days"}),
    ),
)  # fmt: skip
