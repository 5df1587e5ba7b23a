"""Every URL of the product: who may open it, and what each of its parameters is.

What may be needed: "open" nothing; "secret" the token in the URL; "self" a log-in; "hers" to be its owner;
"view", "edit", "manage" that right on the site; "team" to be of the site's account and no guest; "account" to manage
the account one works in, "owner" to own it, "account-view" to see all of it; "links" to see links there, "links+" to
change some, "links!" to be of its team; "operator"; "key" a key of the dialect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

# Parameters of addresses: their kind among `world.Things.ids`
IDS = {
    "site_id": "site", "member_id": "member", "invitation_id": "invitation", "key_id": "key", "monitor_id": "monitor",
    "alert_id": "alert", "channel_id": "channel", "share_id": "share", "note_id": "note", "goal_id": "goal",
    "segment_id": "segment", "funnel_id": "funnel", "device": "device", "visit": "visit", "subscription_id": "digest",
    "group_id": "group", "conversion_id": "conversion", "domain_id": "domain", "script_id": "script",
    "datapoint_id": "link", "exposed_id": "exposed_key", "pending_id": "pending_member",
    "account_id": "account",
    "token_id": "personal_token", "incident_id": "incident", "tag_id": "tag",
    "entry_id": "entry", "notice_id": "notice", "export_id": "export", "email_domain_id": "email_domain",
    "client_id": "client", "template_id": "site_template", "widget_id": "open_widget",
}  # fmt: skip
# Parameters that name no row of a tenant: a value, and why
WORDS: dict[str, tuple[Any, str]] = {
    "token": ("nobodys-word", "a secret: whoever holds it may"),
    "uidb36": ("1", "worth nothing without the secret beside it"),
    "key": ("nobodys-word", "a secret: whoever holds it may"),
    "passkey_id": (1, "asked for only after a confirmation; tests/accounts/test_second_factors.py"),
    "session_id": (1, "ends a session of one's own or none; tests/accounts/test_sessions.py"),
    "name": ("page", "a panel, a table or a file of the operator's mailbox"),
    "tab": ("top", "a tab of a panel"),
    "place": (0, "a mail's place in a file of the operator's mailbox"),
    "condition": ("uptime", "a word of the registry of conditions"),
    "frequency": ("week", "day, week or month"),
    "slug": ("start", "a page of the documentation"),
    "page": ("visitors", "a page of Clicky's"),
    "what": ("visitors", "a part of the widget"),
    "country": ("de", "a flag"),
    "operation": ("sites", "of the white-label API"),
    "kind": ("logo", "an image of the white label: logo or icon"),
    "connection": ("account-0", "a provider to log in at, before there is anybody"),
    "rest": ("nowhere", "an address that is none"),
}
# Parameters that name a row of the installation: whoever is no operator is answered as if no address was there
OPERATORS_ROWS = {"plan_id": 1, "webhook_id": 1, "delivery_id": "0b6f3c1e-6f0b-4c0e-9d53-2c2d3a3e7c11"}
OF_OPERATORS = "a row of the installation; tests/accounts/test_installation_api.py"
WORDS |= {name: (value, OF_OPERATORS) for name, value in OPERATORS_ROWS.items()}
# They contain a site's id and answer alike for every id: where to look, for those who may
FOR_EVERY_NUMBER = {r"^(?P<site_id>[1-9]\d{4,17})$"}
S, V1 = "sites/<int:site_id>", "api/v1/"
SET = f"{S}/settings"
# Resources of a site that all who may see it can read, and its editors change
READ_BY_ALL = (
    "goals", "goals/<int:goal_id>", "funnels", "funnels/<int:funnel_id>", "annotations", "annotations/<int:note_id>",
    "segments/<int:segment_id>", "monitors", "monitors/<int:monitor_id>",
)  # fmt: skip
# Resources of links that only the team sees
TEAM_ROWS = {
    "tags": "tag_id", "conversions": "conversion_id", "domains": "domain_id", "scripts": "script_id",
    "lists": "entry_id",
}  # fmt: skip
NEEDS: dict[str, str] = {
    **dict.fromkeys((
        "login", "password/reset", "signup", "signup/verify", "signup/passkey",
        "signup/passkey/new", "login/passkey", "login/second-factor", "login/sso", "login/sso/start",
        "login/sso/arrive", "login/sso/<slug:connection>", "login/sso/<slug:connection>/callback",
        "login/google/callback", "login/microsoft/callback", "login/github/callback",
        "setup", "theme", "brand.css", "brand/<slug:kind>.png", "docs/", "docs/<slug:slug>", "stats/",
        "stats/wp-iframe", r"^user/?$", r"^help/(?:api/?)?$", "stats/<slug:page>", "user/preferences/<slug:page>",
        r"^media/flags/(?P<country>[A-Za-z]{2})\.gif$",
        r"^(?P<site_id>[1-9]\d{4,17})$", "api/schema/", "api/openapi.json", "api/v1/openapi.json",
        "api/stats/openapi.json", "logout", "widget/logged-in", "widget/<int:site_id>/frame",
        "status/<int:site_id>", r"^api/(?P<rest>[\s\S]*)$",
        r"^api/v1/(?P<rest>[\s\S]*)$", "clickmeter/^openapi\\.json$", "clickmeter/^",
    ), "open"),
    **dict.fromkeys((
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)$",
        "exports/<str:token>/file", "setup/<str:token>", "join/<str:token>", "digests/stop/<str:token>",
        "share/<slug:token>/", "share/<slug:token>/embed", "share/<slug:token>/embed/",
        "share/<slug:token>/panel/<slug:name>/<slug:tab>", "share/<slug:token>/embed/panel/<slug:name>/<slug:tab>",
        "share/<slug:token>/details/<path:name>", "share/<slug:token>/embed/details/<path:name>",
        "share/<slug:token>/graph.svg", "share/<slug:token>/embed/graph.svg", "channels/confirm/<str:token>",
        "channels/stop/<str:token>",
    ), "secret"),
    **dict.fromkeys((
        "settings", "me", "me/password", "me/password/set", "me/email", "me/confirm",
        "me/confirm/code", "me/confirm/passkey", "me/delete", "me/sessions", "me/sessions/<int:session_id>/end",
        "me/security", "me/security/app", "me/security/app/remove",
        "me/security/codes", "me/security/codes/new", "me/security/passkeys/new",
        "me/security/passkeys/<int:passkey_id>/remove",
        "account/switch", "", "sites", "sites/all", "sites/all/explain",
        "sites/all/graph.svg", "sites/all/panel/<slug:name>/<slug:tab>", "keys", "go", "digests", f"{V1}me",
        "changelog", "changelog/read", "exports", f"{V1}exports", "notices", "notices/read", "notices/choices",
        f"{V1}notices", f"{V1}notices/read", f"{V1}notice-choices",
        "clients/view/end", f"{V1}sites", "account/own-key", f"{V1}digests", "me/tokens", "me/tokens/review",
    ), "self"),
    **dict.fromkeys((
        "exports/<int:export_id>/delete", f"{V1}exports/<int:export_id>", "notices/<int:notice_id>/open",
        "notices/<int:notice_id>/read", f"{V1}notices/<int:notice_id>",
        "digests/<int:subscription_id>/delete", f"{V1}digests/<int:subscription_id>", "me/tokens/<int:token_id>/revoke",
    ), "hers"),
    **dict.fromkeys((
        "account", "account/second-factor", "account/audit-log", f"{V1}audit-log", "account/usage", f"{V1}usage",
        "account/brand", "account/brand/files/<slug:kind>", "account/brand/preview", "account/brand/preview.css",
        f"{V1}brand/files/<slug:kind>", "account/team", "account/team/<int:member_id>",
        f"{V1}sso", f"{V1}sso/domains", f"{V1}sso/domains/<int:email_domain_id>",
        "account/team/<int:member_id>/remove", "account/invitations/<int:invitation_id>/revoke", "sites/new",
        f"{V1}members", f"{V1}members/<int:member_id>", "account/brand/check",
        "account/invitations", "account/invitations/<int:invitation_id>/resend",
        "account/invitations/<int:invitation_id>/link", "account/team/<int:pending_id>/invite",
        "account/team/keys/<int:exposed_id>/dismiss", "account/team/keys/<int:exposed_id>/replace",
        f"{V1}exposed-keys", f"{V1}exposed-keys/<int:exposed_id>", f"{V1}exposed-keys/<int:exposed_id>/replace",
        f"{V1}brand", f"{V1}brand/check", f"{V1}invitations", f"{V1}invitations/<int:invitation_id>",
        f"{V1}invitations/<int:invitation_id>/resend", f"{V1}invitations/<int:invitation_id>/link",
        "clients", "clients/new", "clients/sites", "clients/access", "clients/<int:client_id>",
        *(f"clients/<int:client_id>/{what}" for what in ("open", "view", "release")),
        "clients/templates", "clients/templates/<int:template_id>", "clients/templates/<int:template_id>/delete",
        f"{V1}site-templates", f"{V1}site-templates/<int:template_id>", f"{V1}site-templates/<int:template_id>/apply",
        f"{V1}clients", f"{V1}clients/<int:client_id>", f"{V1}clients/<int:client_id>/sites", f"{V1}client-sites",
    ), "account"),
    **dict.fromkeys((
        "account/key", "account/sso", "account/sso/remove", "account/sso/test", "account/sso/enforce",
        "account/sso/domains", "account/sso/domains/<int:email_domain_id>/check",
        "account/sso/domains/<int:email_domain_id>/remove", f"{V1}sso/test",
        f"{V1}sso/domains/<int:email_domain_id>/check",
    ), "owner"),
    f"{V1}account": "account-view",
    **dict.fromkeys((
        f"{S}/", f"{S}/graph.svg", f"{S}/explain", f"{S}/content", f"{S}/sources",
        f"{S}/panel/<slug:name>/<slug:tab>", f"{S}/details/<path:name>", f"{S}/segments", f"{S}/ledger",
        f"{S}/bots", f"{S}/goals",
        f"{S}/goals/<int:goal_id>/report", f"{S}/funnels", f"{S}/funnels/<int:funnel_id>", f"{S}/journeys",
        f"{S}/retention", f"{S}/splits", f"{S}/spy", f"{S}/spy/stream", f"{S}/visitors", f"{S}/visitors/<int:device>",
        f"{S}/visits/<int:visit>", f"{S}/heatmaps", f"{S}/heatmaps/page", f"{S}/notes", f"{S}/digest/<str:frequency>",
        f"{S}/uptime", f"{S}/uptime/<int:monitor_id>", f"{V1}{S}", f"{V1}{S}/segments",
        f"{V1}{S}/bots",
        "widget/<int:site_id>/open", "widget/<int:site_id>/grant",
        *(f"{V1}{S}/{rows}" for rows in READ_BY_ALL), f"{V1}{S}/incidents", f"{V1}{S}/incidents/<int:incident_id>",
    ), "view"),
    **dict.fromkeys((
        SET, f"{SET}/tracking-code", f"{SET}/tracking-code/first-hit", f"{SET}/api-keys", f"{SET}/api-keys/rotate",
        f"{SET}/api-keys/<int:key_id>/revoke", f"{SET}/general", f"{SET}/privacy", f"{SET}/exclusions",
        f"{SET}/counting", f"{SET}/tracker",
        f"{SET}/widget", f"{SET}/widget/<int:widget_id>/close", f"{V1}{S}/open-widgets",
        f"{V1}{S}/open-widgets/<int:widget_id>",
        f"{SET}/proxy", f"{SET}/personal-data", f"{SET}/heatmaps", f"{SET}/sharing",
        f"{SET}/sharing/<int:share_id>/revoke", f"{S}/notes/<int:note_id>/remove", f"{S}/bots/people",
        f"{S}/visitors/<int:device>/bot", f"{S}/visits/<int:visit>/bot", f"{S}/goals/new", f"{S}/goals/<int:goal_id>",
        f"{S}/goals/<int:goal_id>/remove", f"{S}/funnels/new", f"{S}/funnels/<int:funnel_id>/edit",
        f"{S}/funnels/<int:funnel_id>/remove", f"{S}/uptime/new", f"{S}/uptime/<int:monitor_id>/edit",
        f"{S}/uptime/<int:monitor_id>/delete", f"{V1}{S}/keys", f"{V1}{S}/keys/rotate", f"{V1}{S}/keys/<int:key_id>",
        f"{V1}{S}/bots/restore", f"{V1}{S}/visitors/<int:device>/bot", f"{V1}{S}/visits/<int:visit>/bot",
        f"{V1}{S}/personal-data", f"{S}/segments/<int:segment_id>/forget", f"{SET}/api-keys/show",
        f"{SET}/domain-check", f"{V1}{S}/domain-check", f"{V1}{S}/shares", f"{V1}{S}/shares/<int:share_id>",
    ), "edit"),
    **dict.fromkeys((
        f"{SET}/team", f"{SET}/team/<int:member_id>/remove", f"{SET}/delete", f"{SET}/move", f"{V1}{S}/move",
    ), "manage"),
    **dict.fromkeys((
        f"{S}/alerts", f"{S}/alerts/new/<slug:condition>", f"{S}/alerts/<int:alert_id>",
        f"{S}/alerts/<int:alert_id>/delete", f"{S}/alerts/channels/new", f"{S}/alerts/channels/<int:channel_id>",
        f"{S}/alerts/channels/<int:channel_id>/test", f"{S}/alerts/channels/<int:channel_id>/delete",
        f"{S}/alerts/channels/<int:channel_id>/ask", f"{S}/alerts/channels/<int:channel_id>/secret",
        f"{V1}{S}/alerts", f"{V1}{S}/alerts/<int:alert_id>", f"{V1}channels", f"{V1}channels/<int:channel_id>",
        *(f"{V1}channels/<int:channel_id>/{what}" for what in ("test", "confirmation", "secret")),
    ), "team"),
    **dict.fromkeys((
        "operations", "operations/audit-log", "operations/sign-up", "operations/mail", "operations/accounts",
        "operations/accounts/<int:account_id>", "operations/accounts/<int:account_id>/suspend",
        "operations/accounts/<int:account_id>/resume", "operations/accounts/<int:account_id>/impersonate",
        "operations/impersonation/end", "operations/mail/<str:name>/<int:place>",
        "operations/accounts/<int:account_id>/plan", "operations/plans", "operations/plans/new",
        "operations/plans/<int:plan_id>", "operations/plans/<int:plan_id>/delete", "operations/billing",
        "operations/billing/new", "operations/billing/<int:webhook_id>",
        *(f"operations/billing/<int:webhook_id>/{what}" for what in ("secret", "test", "delete")),
        "operations/billing/deliveries/<uuid:delivery_id>/repeat",
        *(f"{V1}installation/{rows}" for rows in ("plans", "accounts", "billing-webhooks", "billing-deliveries")),
        f"{V1}installation/plans/<int:plan_id>", f"{V1}installation/accounts/<int:account_id>",
        *(f"{V1}installation/billing-webhooks/<int:webhook_id>{what}" for what in ("", "/test", "/secret")),
        *(f"{V1}installation/billing-deliveries/<uuid:delivery_id>{what}" for what in ("", "/repeat")),
        "operations/mail/<str:name>/<int:place>/letter",
    ), "operator"),
    **dict.fromkeys((
        "links", "links/export.csv", "links/live", "links/live/stream", "links/groups", "links/toolbox",
        "links/<int:datapoint_id>", f"{V1}links", f"{V1}links/<int:datapoint_id>", f"{V1}link-groups",
        f"{V1}link-groups/<int:group_id>",
    ), "links"),
    **dict.fromkeys((
        "links/bulk", "links/import", "links/new", "links/groups/<int:group_id>",
        "links/groups/<int:group_id>/delete", "links/<int:datapoint_id>/edit", "links/<int:datapoint_id>/delete",
    ), "links+"),
    **dict.fromkeys((
        "links/tags", "links/conversions", "links/conversions/<int:conversion_id>",
        "links/conversions/<int:conversion_id>/delete", "links/domains", "links/domains/<int:domain_id>",
        "links/domains/<int:domain_id>/delete", "links/scripts", "links/scripts/<int:script_id>",
        "links/scripts/<int:script_id>/delete", "links/lists", "links/guests", "links/<int:datapoint_id>/watch",
        "links/guests/<int:member_id>/key",
        *(f"{V1}link-{rows}{one}" for rows, number in TEAM_ROWS.items() for one in ("", f"/<int:{number}>")),
    ), "links!"),
    **dict.fromkeys((
        "api/query", "api/realtime", "api/goals", "api/ledger", "api/tech", "api/pages", "api/sources",
        "api/referrers", "api/countries", "api/campaigns", "api/utm-sources", "api/utm-mediums", "api/utm-content",
        "api/utm-term", "api/entry-pages", "api/exit-pages", r"^(?:api/stats/|stats/api)[1-4]/?$",
        r"^api/account/sites/?$", "app/api",
        r"^api/whitelabel/(?P<operation>[\s\S]+)$",
        "ajax/onsitestats/", "ajax/onsitestats/<slug:what>",
        *(f"widget/<int:site_id>/{part}" for part in ("token", "online", "page", "visitors", "heatmap", "close")),
    ), "key"),
}  # fmt: skip
# Where a method needs more than a GET does
ALSO_NEEDS = {
    f"POST {S}/notes": "edit", f"PATCH {V1}{S}": "edit", f"DELETE {V1}{S}": "manage", f"POST {V1}sites": "account",
    f"PATCH {V1}account": "account", "POST links/groups": "links!", f"POST {V1}link-groups": "links!",
    f"POST {V1}links": "links+",
    **{
        f"{method} {V1}{one}": "links+"
        for one in ("links/<int:datapoint_id>", "link-groups/<int:group_id>")
        for method in ("PATCH", "DELETE")
    },
    **{
        f"{method} {V1}{S}/{rows}": "edit"
        for rows in READ_BY_ALL
        for method in (("PATCH", "DELETE") if rows.endswith(">") else ("POST",))
    },
}  # fmt: skip
EDITORS = {"self", "view", "edit", "team", "account-view", "links", "links+", "links!"}
ADMINS = EDITORS | {"manage", "account"}
# What each person may do beside "open": charlie with what is his, everybody else with the open set of alice's account
MAY = {
    "nobody": set[str](),
    "bob": {"self", "view", "links"},
    "dave": {"self", "view", "edit", "links", "links+"},
    "victor": {"self", "view", "links", "account-view"},
    "erin": EDITORS,
    "adam": ADMINS,
    "charlie": ADMINS | {"owner", "hers"},
    "alice": ADMINS | {"owner", "hers"},
}
PARAMETER = re.compile(r"<(?:(?P<converter>\w+):)?(?P<name>\w+)>|\(\?P<(?P<group>\w+)>[^)]*\)")


def list_patterns(listed: list[Any] | None = None, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Yield every address of the URL configuration with its pattern."""
    for pattern in get_resolver().url_patterns if listed is None else listed:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from list_patterns(pattern.url_patterns, route)
        else:
            yield route, pattern


OPERATIONS = "clickmeter/^"  # those of the ClickMeter API, which has a matrix of its own
ROUTES = sorted({route for route, _ in list_patterns() if not route.startswith(OPERATIONS) or route in NEEDS})


def list_parameters(route: str) -> list[str]:
    """Return the names of the parameters of an address."""
    return [found["name"] or found["group"] for found in PARAMETER.finditer(route)]


def list_ids(route: str) -> list[str]:
    """Return those parameters that are ids of a tenant's rows."""
    return [name for name in list_parameters(route) if name in IDS]


def build_path(route: str, values: dict[str, Any]) -> str:
    """Return the address with values in place of its parameters."""
    filled = PARAMETER.sub(lambda found: str(values[found["name"] or found["group"]]), route)
    return "/" + re.sub(r"[\^$]|/\?|\\(?=\.)", "", filled).replace(".*", "nowhere")


def build_values(route: str) -> dict[str, Any]:
    """Return a value for every parameter that is not an id."""
    panels = {"name": "pages"} if "/panel/" in route else {}
    return {name: value for name, (value, _) in WORDS.items()} | panels
