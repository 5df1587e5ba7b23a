"""Whatever a page writes, an operation of the management API writes too, or there is a reason why not."""

from __future__ import annotations

import inspect
import re
from typing import Any

from tests.permissions.request_bodies import BODIES, READS
from tests.permissions.routes import NEEDS, ROUTES, SET, V1, S, list_patterns

SITE, ALERTS, LINKS = f"{V1}{S}", f"{S}/alerts", f"{V1}links"
# What a view that reads a form, or answers POST requests only, has in its source
WRITES = re.compile(r"request\.POST|require_POST|[\"']POST[\"']|save_form\(|override_action")
PATCHED = ("general", "privacy", "exclusions", "counting", "tracker", "proxy", "heatmaps", "widget")
PAGES: dict[str, str] = {
    "account": f"PATCH {V1}account",
    "exports/<int:export_id>/delete": f"DELETE {V1}exports/<int:export_id>",
    "notices/read": f"POST {V1}notices/read",
    "notices/<int:notice_id>/open": f"PATCH {V1}notices/<int:notice_id>",
    "notices/<int:notice_id>/read": f"PATCH {V1}notices/<int:notice_id>",
    "account/brand": f"PATCH {V1}brand",
    "account/brand/check": f"POST {V1}brand/check",
    "account/brand/files/<slug:kind>": f"POST {V1}brand/files/<slug:kind>",
    "account/sso/test": f"POST {V1}sso/test",
    "account/sso/domains/<int:email_domain_id>/check": f"POST {V1}sso/domains/<int:email_domain_id>/check",
    "account/team": f"POST {V1}invitations",
    "account/team/<int:member_id>": f"PATCH {V1}members/<int:member_id>",
    "account/team/<int:member_id>/remove": f"DELETE {V1}members/<int:member_id>",
    "account/team/<int:pending_id>/invite": f"POST {V1}invitations",
    "account/team/keys/<int:exposed_id>/dismiss": f"DELETE {V1}exposed-keys/<int:exposed_id>",
    "account/team/keys/<int:exposed_id>/replace": f"POST {V1}exposed-keys/<int:exposed_id>/replace",
    "account/invitations/<int:invitation_id>/resend": f"POST {V1}invitations/<int:invitation_id>/resend",
    "account/invitations/<int:invitation_id>/link": f"POST {V1}invitations/<int:invitation_id>/link",
    "account/invitations/<int:invitation_id>/revoke": f"DELETE {V1}invitations/<int:invitation_id>",
    "sites/new": f"POST {V1}sites",
    "clients/new": f"POST {V1}clients",
    "clients/sites": f"POST {V1}clients/<int:client_id>/sites",
    "clients/access": f"PATCH {V1}members/<int:member_id>",
    "clients/<int:client_id>": f"PATCH {V1}clients/<int:client_id>",
    "clients/<int:client_id>/release": f"DELETE {V1}clients/<int:client_id>",
    "clients/templates": f"POST {V1}site-templates",
    "clients/templates/<int:template_id>": f"POST {V1}site-templates/<int:template_id>/apply",
    "clients/templates/<int:template_id>/delete": f"DELETE {V1}site-templates/<int:template_id>",
    f"{SET}/move": f"POST {SITE}/move",
    **dict.fromkeys(
        (f"{SET}/{page}" for page in PATCHED),
        f"PATCH {SITE}",
    ),
    f"{SET}/delete": f"DELETE {SITE}",
    f"{SET}/api-keys": f"POST {SITE}/keys",
    f"{SET}/api-keys/rotate": f"POST {SITE}/keys/rotate",
    f"{SET}/api-keys/<int:key_id>/revoke": f"DELETE {SITE}/keys/<int:key_id>",
    f"{SET}/team": f"POST {V1}invitations",
    f"{SET}/team/<int:member_id>/remove": f"PATCH {V1}members/<int:member_id>",
    f"{SET}/sharing": f"POST {SITE}/shares",
    f"{SET}/sharing/<int:share_id>/revoke": f"DELETE {SITE}/shares/<int:share_id>",
    f"{SET}/widget/<int:widget_id>/close": f"DELETE {SITE}/open-widgets/<int:widget_id>",
    f"{SET}/personal-data": f"DELETE {SITE}/personal-data",
    f"{SET}/domain-check": f"POST {SITE}/domain-check",
    f"{S}/goals/new": f"POST {SITE}/goals",
    f"{S}/goals/<int:goal_id>": f"PATCH {SITE}/goals/<int:goal_id>",
    f"{S}/goals/<int:goal_id>/remove": f"DELETE {SITE}/goals/<int:goal_id>",
    f"{S}/funnels/new": f"POST {SITE}/funnels",
    f"{S}/funnels/<int:funnel_id>/edit": f"PATCH {SITE}/funnels/<int:funnel_id>",
    f"{S}/funnels/<int:funnel_id>/remove": f"DELETE {SITE}/funnels/<int:funnel_id>",
    f"{S}/segments": f"POST {SITE}/segments",
    f"{S}/segments/<int:segment_id>/forget": f"DELETE {SITE}/segments/<int:segment_id>",
    f"{S}/notes": f"POST {SITE}/annotations",
    f"{S}/bots/people": f"POST {SITE}/bots/restore",
    f"{S}/visitors/<int:device>/bot": f"POST {SITE}/visitors/<int:device>/bot",
    f"{S}/visits/<int:visit>/bot": f"POST {SITE}/visits/<int:visit>/bot",
    f"{S}/notes/<int:note_id>/remove": f"DELETE {SITE}/annotations/<int:note_id>",
    f"{S}/uptime/new": f"POST {SITE}/monitors",
    f"{S}/uptime/<int:monitor_id>/edit": f"PATCH {SITE}/monitors/<int:monitor_id>",
    f"{S}/uptime/<int:monitor_id>/delete": f"DELETE {SITE}/monitors/<int:monitor_id>",
    f"{ALERTS}/new/<slug:condition>": f"POST {SITE}/alerts",
    f"{ALERTS}/<int:alert_id>": f"PATCH {SITE}/alerts/<int:alert_id>",
    f"{ALERTS}/<int:alert_id>/delete": f"DELETE {SITE}/alerts/<int:alert_id>",
    f"{ALERTS}/channels/new": f"POST {V1}channels",
    f"{ALERTS}/channels/<int:channel_id>": f"PATCH {V1}channels/<int:channel_id>",
    f"{ALERTS}/channels/<int:channel_id>/delete": f"DELETE {V1}channels/<int:channel_id>",
    f"{ALERTS}/channels/<int:channel_id>/test": f"POST {V1}channels/<int:channel_id>/test",
    f"{ALERTS}/channels/<int:channel_id>/ask": f"POST {V1}channels/<int:channel_id>/confirmation",
    f"{ALERTS}/channels/<int:channel_id>/secret": f"POST {V1}channels/<int:channel_id>/secret",
    "digests": f"POST {V1}digests",
    "digests/<int:subscription_id>/delete": f"DELETE {V1}digests/<int:subscription_id>",
    "links/new": f"POST {LINKS}",
    "links/import": f"POST {LINKS}",
    "links/bulk": f"PATCH {LINKS}/<int:datapoint_id>",
    "links/<int:datapoint_id>/edit": f"PATCH {LINKS}/<int:datapoint_id>",
    "links/<int:datapoint_id>/delete": f"DELETE {LINKS}/<int:datapoint_id>",
    "links/<int:datapoint_id>/watch": f"POST {SITE}/monitors",
    "links/groups": f"POST {V1}link-groups",
    "links/groups/<int:group_id>": f"PATCH {V1}link-groups/<int:group_id>",
    "links/groups/<int:group_id>/delete": f"DELETE {V1}link-groups/<int:group_id>",
    "links/tags": f"PATCH {V1}link-tags/<int:tag_id>",
    "links/conversions": f"POST {V1}link-conversions",
    "links/conversions/<int:conversion_id>": f"PATCH {V1}link-conversions/<int:conversion_id>",
    "links/conversions/<int:conversion_id>/delete": f"DELETE {V1}link-conversions/<int:conversion_id>",
    "links/domains": f"POST {V1}link-domains",
    "links/domains/<int:domain_id>": f"PATCH {V1}link-domains/<int:domain_id>",
    "links/domains/<int:domain_id>/delete": f"DELETE {V1}link-domains/<int:domain_id>",
    "links/scripts": f"POST {V1}link-scripts",
    "links/scripts/<int:script_id>": f"PATCH {V1}link-scripts/<int:script_id>",
    "links/scripts/<int:script_id>/delete": f"DELETE {V1}link-scripts/<int:script_id>",
    "links/lists": f"POST {V1}link-lists",
    "links/guests": f"PATCH {V1}members/<int:member_id>",
}  # fmt: skip
SIGN_IN = "of signing in, before there is anybody who could send a key"
PERSON = "of the person who is logged in; a program with a key must not change how that person signs in"
BY_LINK = "opened by the link in a mail, without an account"
LOOKS = "writes nothing: a service for people who set something up"
EXCEPTIONS: dict[str, str] = {
    **dict.fromkeys(
        (
            "login",
            "login/passkey",
            "login/second-factor",
            "login/sso",
            "login/sso/<slug:connection>",
            "login/sso/start",
            "logout",
            "signup",
            "signup/passkey",
            "signup/passkey/new",
            "signup/verify",
            "password/reset",
            r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)$",
            "setup/<str:token>",
        ),
        SIGN_IN,
    ),
    **dict.fromkeys(
        (
            "me/confirm",
            "me/confirm/code",
            "me/confirm/passkey",
            "me/delete",
            "me/email",
            "me/password/set",
            "me/security/app",
            "me/security/app/remove",
            "me/security/codes/new",
            "me/security/passkeys/<int:passkey_id>/remove",
            "me/security/passkeys/new",
        ),
        PERSON,
    ),
    **dict.fromkeys((r"^(?P<site_id>[1-9]\d{4,17})$", r"^help/(?:api/?)?$", r"^user/?$"), "a redirect of any method"),
    "join/<str:token>": BY_LINK,
    **dict.fromkeys(("channels/confirm/<str:token>", "channels/stop/<str:token>", "digests/stop/<str:token>"), BY_LINK),
    "share/<slug:token>/": BY_LINK,
    **dict.fromkeys(("me", "me/password", "me/tokens", "me/tokens/<int:token_id>/revoke", "account/own-key"), PERSON),
    "me/tokens/review": PERSON,
    **dict.fromkeys(("me/sessions", "me/sessions/<int:session_id>/end"), PERSON),
    "account/second-factor": "of a person who has a second factor, so that nobody locks themselves out",
    **dict.fromkeys(
        (
            "operations/sign-up",
            "operations/accounts/<int:account_id>/suspend",
            "operations/accounts/<int:account_id>/resume",
            "operations/accounts/<int:account_id>/impersonate",
            "operations/impersonation/end",
        ),
        "an operator's, who is logged in: no key reaches other accounts",
    ),
    **dict.fromkeys(
        (
            "operations/accounts/<int:account_id>/plan",
            "operations/plans/new",
            "operations/plans/<int:plan_id>",
            "operations/plans/<int:plan_id>/delete",
            "operations/billing/new",
            "operations/billing/<int:webhook_id>",
            "operations/billing/<int:webhook_id>/secret",
            "operations/billing/<int:webhook_id>/test",
            "operations/billing/<int:webhook_id>/delete",
            "operations/billing/deliveries/<uuid:delivery_id>/repeat",
        ),
        "an operator's; the operations below /api/v1/installation/ are in tests/accounts/test_installation_api.py",
    ),
    "changelog/read": "of what the person has read on the pages; programs have no such page",
    **dict.fromkeys(
        (
            "account/sso",
            "account/sso/remove",
            "account/sso/enforce",
            "account/sso/domains",
            "account/sso/domains/<int:email_domain_id>/remove",
        ),
        "an owner's, who confirms that it is them: whoever sets the provider can log in as anybody of its domains",
    ),
    "notices/choices": "of the person in all of their accounts; a program with a token is of one account",
    "account/key": "an owner's, who is logged in: a program must not replace the key that others use",
    **dict.fromkeys(
        (
            "account/switch",
            "clients/<int:client_id>/open",
            "clients/<int:client_id>/view",
            "clients/view/end",
            "theme",
        ),
        "of the session in the browser",
    ),
    **dict.fromkeys((f"{SET}/tracking-code", "account/brand/preview"), LOOKS),
    "widget/<int:site_id>/grant": "opens the widget in the browser of the person who is logged in",
}


def list_writing_pages() -> set[str]:
    """The routes of pages that read a form or answer POST requests, by their views' source or class."""
    found = set()
    for route, pattern in list_patterns():
        is_page = route in ROUTES and NEEDS[route] != "key" and not route.lstrip("^").startswith(("api/", "clickmeter"))
        is_class = hasattr(getattr(pattern.callback, "view_class", None), "post")
        if is_page and (is_class or WRITES.search(read_source(pattern.callback))):
            found.add(route)
    return found


def read_source(view: Any) -> str:
    """The source of a view below its decorators, with these."""
    return inspect.getsource(inspect.unwrap(view))


def test_every_page_that_writes_has_an_operation_or_a_reason() -> None:
    writing = list_writing_pages()
    assert sorted(writing - {*PAGES, *EXCEPTIONS}) == [], "say which operation does this, or why none does"
    assert sorted({*PAGES, *EXCEPTIONS} - writing) == [], "these pages write nothing any more"
    assert not {*PAGES} & {*EXCEPTIONS} and all(EXCEPTIONS.values())


def test_every_operation_that_a_page_is_compared_with_exists() -> None:
    assert sorted({*PAGES.values()} - {*BODIES, *READS}) == []
