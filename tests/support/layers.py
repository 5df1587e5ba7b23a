"""The layers of the project: which apps each app may import, and the order of the modules in an app."""

BELOW: dict[str, set[str]] = {
    "accounts": set(),
    "sites": {"accounts"},
    "tracking": {"accounts", "sites"},
    "goals": {"accounts", "sites"},
    "reports": {"accounts", "sites", "tracking", "goals"},
    "links": {"accounts", "sites", "tracking", "goals", "reports"},
    "config": {"accounts", "sites", "tracking", "goals", "reports", "links"},
}
# Inside an app: a module or folder imports itself and what stands before it, nothing after it. So the apps inside
# `accounts` and `sites`, which stand last, are imported by neither
ORDER: dict[str, tuple[str, ...]] = {
    "accounts": (
        "fast_settings", "host_names", "spreadsheets", "threads", "recent_use", "run_each", "migration_lock", "keys",
        "validators", "model_forms", "models", "account_limits", "security", "audit", "sso", "clients", "permissions",
        "plans", "impersonation", "client_views", "notices", "revocation", "selectors", "forms", "custom_domains",
        "white_label", "branding", "changelog", "mail", "services", "exports", "settings_parts", "invitation_lists",
        "sign_in", "api", "views", "management", "apps", "urls", "operations",
    ),
    "sites": (
        "amounts", "hosts", "onsite_tokens", "page_paths", "cache_refresher", "fair_rounds", "outbound", "models",
        "audit_subjects", "selectors", "settings_pages", "widget_settings", "settings_fields", "forms", "site_config",
        "site_cache", "installation_check", "services", "site_moves", "key_revocation", "export_kinds",
        "site_resources", "api", "views", "management", "apps", "urls", "alerts", "uptime",
    ),
    "tracking": (
        "schema", "event", "network_table", "geo", "user_agent", "data", "store", "spool", "write_batch", "bots",
        "state", "web", "live", "live_streams", "pipeline", "ingestion", "static_js", "endpoints", "collector",
        "context", "bot_overrides", "data_requests", "maintenance", "remote_commands", "management", "views", "apps",
        "urls",
    ),
    "reports": (
        "query", "baseline", "change_drivers", "filter_access", "formatting", "labels", "bots", "alert_conditions",
        "usage", "incident_costs", "annotations", "clickport", "clicky", "digests", "dashboard", "agency",
        "export_kinds", "sharing", "widget", "onsite", "openapi", "docs", "apps", "urls",
    ),
    "links": (
        "models", "audit_subjects", "url_policy", "validators", "permissions", "routing", "selectors", "public_urls",
        "services", "link_statistics", "redirect", "conversions", "monitoring", "clickmeter", "shortener", "api", "web",
        "export_kinds", "middleware", "apps", "urls",
    ),
}  # fmt: skip
