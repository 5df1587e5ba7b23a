"""What the audit log records of clients, in the agency's log and in the client's, and of templates."""

from accounts.audit.subjects import AuditSubject, register_subjects

register_subjects(
    AuditSubject(
        name="client",
        label="Client",
        account="agency_id",
        verbs=("created", "changed", "released", "viewed"),
        shown=frozenset({"labels", "agency_id", "as"}),
    ),
    AuditSubject(
        name="site_template",
        label="Template of sites",
        account="agency_id",
        verbs=("created", "deleted", "applied"),
        shown=frozenset({"name", "sites"}),
    ),
)
