"""Registrations of higher apps with lower ones, which may not import them."""

from accounts.account_limits import LIMITS
from accounts.api.errors import register_outage
from accounts.audit.subjects import register_subjects
from accounts.custom_domains.services import register_claim_listener
from accounts.exports.account_kinds import ACCOUNT_EXPORTS
from accounts.exports.registry import register_export_kinds, register_export_outages
from accounts.exports.services import AUDIT_SUBJECT as EXPORT_SUBJECT
from accounts.host_names import register_reserved_hosts
from accounts.invitation_lists import register_option_describer
from accounts.permissions import register_grant_kind
from accounts.plans.resources import register_resources
from accounts.revocation import register_dependent_access, register_shared_keys
from accounts.security.outbound import register_fetcher
from accounts.services import ACCOUNT_KEY, GUEST_KEYS
from accounts.services.invitations import OPEN_INVITATIONS
from accounts.services.personal_tokens import PERSONAL_TOKENS
from accounts.services.plans import register_plan_listener
from accounts.services.suspension import register_suspension_listener
from accounts.sign_in.devices import register_descriptions
from config.client_descriptions import describe_browser, describe_place
from config.periodic_tasks import PERIODIC_TASKS
from goals import services as goals
from goals.discovery import register_named_goals_reader
from goals.services import register_filter_check
from links.audit_subjects import LINK_SUBJECTS
from links.conversions.click_attribution import build_click_columns as click_columns
from links.conversions.recording import CONVERSION_ENDPOINTS
from links.export_kinds import LINK_EXPORTS
from links.monitoring.alert_conditions import CONDITIONS as LINK_CONDITIONS
from links.public_urls import is_former_link_domain
from links.redirect.click_deduplication import find_stored_claims
from links.redirect.endpoints import register_endpoints
from links.routing import link_cache
from links.selectors import DATAPOINT_KIND, GROUP_KIND, LINK_RESOURCE, list_visible_links
from links.services.guests import describe_options
from links.web.page_layout import DOCS_COLLECT, DOCS_PROGRAMS, DOCS_REFERENCE, list_link_pages
from reports.agency.navigation import list_client_pages
from reports.alert_conditions import TRAFFIC_CONDITIONS
from reports.annotations import services as annotations
from reports.dashboard.navigation import register_navigation
from reports.digests import services as digests
from reports.docs import DocPage, list_documentation_links
from reports.docs import pages as docs_pages
from reports.docs import register_pages as register_docs
from reports.export_kinds import REPORT_EXPORTS
from reports.filter_access import check_segment_filter
from reports.incident_costs.selectors import describe_costs
from reports.labels import register_link_labels
from reports.onsite import services as onsite
from reports.query.analyses.ingestion_audit import find_traffic
from reports.query.analyses.usage import list_named_goals
from reports.query.budgets import BudgetExceeded
from reports.sharing import services as sharing
from reports.sharing.services import SHARED_LINKS, SHARES
from reports.usage.export_kind import USAGE_EXPORT
from reports.usage.resources import SITE_RESOURCES
from sites.alerts.audit_subjects import ALERT_SUBJECTS
from sites.alerts.billing import EVENTS, plan_change_queue
from sites.alerts.condition_registry import ACCOUNT_CONDITIONS, register_conditions
from sites.alerts.services import BILLING_LOG_AGE, MAIL_CHANNELS, WEBHOOK_SECRETS, alert_channels_clear
from sites.audit_subjects import SITE_SUBJECTS
from sites.export_kinds import SITE_EXPORTS
from sites.installation_check import register_traffic_provider
from sites.key_revocation import API_KEYS, PROXY_SECRETS, SITE_KEYS
from sites.outbound import OutboundError, fetch
from sites.selectors import SITE_KIND
from sites.services import claim_changed, suspension_changed
from sites.settings_pages import register_settings_page
from sites.site_moves import register_move_listener
from sites.uptime import services as uptime
from sites.uptime.certificates import CONDITIONS as UPTIME_CONDITIONS
from sites.uptime.history import register_cost_estimator
from tracking.pipeline.source import register_joiner
from tracking.state.ended_processes import register_claim_finder
from tracking.store import UNREADABLE, StoreError

# Kinds of objects that guests can be granted
register_grant_kind(SITE_KIND)
register_grant_kind(GROUP_KIND)
register_grant_kind(DATAPOINT_KIND)

# What an invitation to links gives
register_option_describer(describe_options)

# What ends with a member's access, and which keys are then listed as exposed
register_dependent_access(OPEN_INVITATIONS)
register_dependent_access(API_KEYS)
register_dependent_access(PERSONAL_TOKENS)
register_dependent_access(SHARES)
register_dependent_access(MAIL_CHANNELS)
register_shared_keys(SITE_KEYS)
register_shared_keys(ACCOUNT_KEY)
register_shared_keys(GUEST_KEYS)
register_shared_keys(PROXY_SECRETS)
register_shared_keys(WEBHOOK_SECRETS)
register_shared_keys(SHARED_LINKS)

# Hosts of accounts: further reserved hosts, and caches that depend on claims
register_reserved_hosts(is_former_link_domain)
register_claim_listener(claim_changed)
register_claim_listener(link_cache.reload_after_claim_change)

# Sessions: where and on which device they are
register_descriptions(place=describe_place, browser=describe_browser)
# Requests to providers of single sign-on and to hosts of white labels
register_fetcher(fetch, OutboundError)

# The audit log: what it records
register_subjects(*SITE_SUBJECTS, *ALERT_SUBJECTS, *LINK_SUBJECTS, *goals.AUDIT_SUBJECTS)
register_subjects(*(app.AUDIT_SUBJECT for app in (uptime, sharing, digests, annotations, onsite)), EXPORT_SUBJECT)

# Exports: what can be exported, and errors after which one is tried again
register_export_kinds(*ACCOUNT_EXPORTS, USAGE_EXPORT, *SITE_EXPORTS, *REPORT_EXPORTS, *LINK_EXPORTS)
register_export_outages(StoreError, BudgetExceeded)

# Suspended accounts: the caches of sites and links
register_suspension_listener(suspension_changed)

# Moved sites: what stays with the account that they leave
register_move_listener(alert_channels_clear)

# Plans: what accounts have a number of, and who is told that one has another plan
register_resources(*SITE_RESOURCES, LINK_RESOURCE)
register_plan_listener(plan_change_queue)

# Management API: what is answered with 503
register_outage(StoreError, UNREADABLE)

# Tracking code: the latest traffic
register_traffic_provider(find_traffic)

# Goals: the query engine checks filters and finds the goals that were named
register_filter_check(check_segment_filter)
register_named_goals_reader(list_named_goals)

# Alerts: conditions on uptime, traffic, the account and links
register_conditions(*UPTIME_CONDITIONS, *TRAFFIC_CONDITIONS, *ACCOUNT_CONDITIONS, *LINK_CONDITIONS)

# Uptime: what incidents cost
register_cost_estimator(describe_costs)

# Links: the endpoints of conversions, the click that led to a view, what clicks claim, and the names of links
register_endpoints(CONVERSION_ENDPOINTS)
register_joiner(click_columns)
register_claim_finder(find_stored_claims)
register_link_labels(list_visible_links)

# Links of “Go anywhere”
register_navigation(list_documentation_links, list_link_pages, list_client_pages)

# Settings pages of higher apps
register_settings_page("personal-data", "Personal data")
register_settings_page("heatmaps", "Heatmaps")
register_settings_page("sharing", "Sharing")
register_settings_page("widget", "On-site widget")
register_settings_page("move", "Move", may="manage")

# The documentation
register_docs("Collecting data", *docs_pages.COLLECT, *DOCS_COLLECT)
register_docs("Dashboard", *docs_pages.LOOK)
register_docs("APIs", *docs_pages.PROGRAMS, *DOCS_PROGRAMS)
register_docs("API reference", *docs_pages.REFERENCE, *DOCS_REFERENCE)
register_docs(
    "Operation",
    *docs_pages.RUN,
    DocPage(
        "running",
        "Running it yourself",
        "One process or several, behind a proxy, with limits, backups and updates.",
        lambda _: {"periods": PERIODIC_TASKS, "limits": LIMITS},
    ),
    DocPage(
        "plans",
        "Plans, usage and billing",
        "What counts, what happens when it is used up, and how a billing system learns of it.",
        lambda _: {"limits": LIMITS, "events": EVENTS, "kept_days": BILLING_LOG_AGE.days},
    ),
    DocPage("capacity", "Capacity and outages", "Which machines carry how many events, and what an outage costs."),
)
