"""What the audit log records of single sign-on."""

from accounts.audit.subjects import AuditSubject, register_subjects

register_subjects(
    AuditSubject(
        name="sso",
        label="Single sign-on",
        account="account_id",
        verbs=("created", "changed", "deleted", "used", "refused", "bypassed"),
        shown=frozenset({"issuer", "client_id", "default_role", "enforced", "way_back_id", "email", "reason", "way"}),
    ),
    AuditSubject(
        name="sso_domain",
        label="E-mail domain",
        account="connection.account_id",
        verbs=("added", "verified", "verification_withdrawn", "removed"),
        shown=frozenset({"domain", "check_result"}),
    ),
)
