"""What the audit log records of links and what they use."""

from accounts.audit.subjects import AuditSubject

LINK_SUBJECTS = (
    AuditSubject(
        name="link",
        label="Link",
        account="account_id",
        verbs=("created", "changed", "deleted", "exported"),
        shown=frozenset((
            "group_id", "kind", "status", "domain_id", "alias", "title", "notes", "favourite", "url", "first_url",
            "mode", "rules", "redirect_type", "append_query", "encode_url", "hide_url", "hide_url_title",
            "referrer_clean", "is_ab_test", "go_domain_id", "starts", "expiration_date", "url_after_date",
            "pause_after_date", "expiration_clicks", "url_after_clicks", "pause_after_clicks", "parameter_note",
            "encode_ip", "is_public", "is_secured", "light_tracking", "redirect_only", "cost", "tags", "scripts",
            "conversions",
        )),
    ),
    AuditSubject(
        name="link_group",
        label="Group of links",
        account="account_id",
        shown=frozenset(("name", "notes", "favourite", "redirect_only", "is_public", "tags")),
    ),
    AuditSubject(
        name="link_domain",
        label="Link domain",
        account="account_id",
        shown=frozenset(("name", "kind", "custom_homepage", "custom_404")),
        ignored=frozenset(("checked", "check_result")),
    ),
    AuditSubject(
        name="conversion",
        label="Conversion",
        account="account_id",
        shown=frozenset(("name", "description", "value", "currency", "protocol", "window_days")),
    ),
    AuditSubject(
        name="tag",
        label="Tag",
        account="account_id",
        verbs=("created", "changed", "deleted", "added", "removed"),
        shown=frozenset(("name", "link", "group")),
    ),
    AuditSubject(name="script", label="Retargeting script", account="account_id", shown=frozenset(("name", "script"))),
    AuditSubject(
        name="list_entry",
        label="List entry",
        account="account_id",
        verbs=("created", "deleted"),
        shown=frozenset(("listing", "value")),
    ),
)  # fmt: skip
