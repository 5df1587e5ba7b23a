"""What the audit log records of plans. They belong to the installation; the plan of an account is recorded there."""

from accounts.audit.subjects import AuditSubject, register_subjects

register_subjects(
    AuditSubject(name="plan", label="Plan", account="", shown=frozenset({"name", "description", "limits"}))
)
