"""What the audit log records of sites, their keys and their data."""

from accounts.audit.subjects import AuditSubject

SITE_SUBJECTS = (
    AuditSubject(
        name="site",
        label="Site",
        account="account_id",
        verbs=("created", "changed", "deleted", "moved"),
        shown=frozenset((
            "account", "domain", "nickname", "labels", "timezone", "allowed_hosts", "any_host", "addresses", "cookies",
            "respect_dnt", "retention_months", "excluded_ips", "excluded_pages", "excluded_countries",
            "proxy_addresses", "tracker", "widget", "people", "robots",
        )),
    ),
    AuditSubject(name="site_keys", label="Keys of a site", account="account_id", verbs=("shown", "replaced")),
    AuditSubject(
        name="api_key",
        label="API key",
        account="site.account_id",
        verbs=("created", "revoked"),
        shown=frozenset(("name", "prefix", "site_id", "can_read", "can_track", "trusted", "expires")),
        ignored=frozenset(("last_used",)),
    ),
    AuditSubject(
        name="personal_data",
        label="Personal data",
        account="account_id",
        verbs=("exported", "erased"),
        shown=frozenset(("by", "visits")),
    ),
    AuditSubject(name="report", label="Report", account="account_id", verbs=("exported",)),
)  # fmt: skip
