"""For each address that writes: a valid body about the caller's own objects, by method and address."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from tests.conftest import PASSWORD
from tests.permissions.routes import SET, V1, S
from tests.permissions.tenants import Things
from tests.support.images import draw_png

Body = Callable[[Things], dict[str, Any]]


def build_body(**values: Any) -> Body:
    return lambda things: values


def build_link_body(things: Things) -> dict[str, Any]:
    """Return the form of a link in one of the caller's groups."""
    fields = dict.fromkeys(("kind", "status", "mode", "referrer_clean"), "0")
    named = {"group": things["group"], "domain": things["domain"], "conversions": [things["conversion"]]}
    return {**fields, **named, "url": "https://a.example/", "redirect_type": "301", "scripts": [things["script"]]}


MONITOR = build_body(
    url="https://a.example/", name="m", method="GET", interval="60", timeout="10", expected_status="200"
)
GOAL = build_body(name="new", kind="page", pattern="/new", pattern_kind="exact", active="on")
WIDGET = {
    "open_to": "team", "shown_to": "everybody", "look": "round", "label": "new", "corner": "top-left", "theme": "dark",
}  # fmt: skip
CHANNEL = build_body(kind="email", name="new", target="new@example.org")
NOTHING = build_body()


def build_alert_body(things: Things) -> dict[str, Any]:
    return {"name": "new", "throttle_minutes": "60", "channels": [things["channel"]]}


def build_funnel_body(things: Things) -> dict[str, Any]:
    return {"name": "new", "page_1": "/a", "goal_2": things["goal"]}


BODIES: dict[str, Body] = {
    "POST account": build_body(name="New", timezone="UTC"),
    "POST account/key": NOTHING,
    "POST changelog/read": NOTHING,
    "POST exports/<int:export_id>/delete": NOTHING,
    f"POST {V1}exports": lambda t: {"kind": "report", "site": t["site"], "table": "page"},
    f"DELETE {V1}exports/<int:export_id>": NOTHING,
    "POST notices/read": NOTHING,
    "POST notices/choices": build_body(destination_dead="mail"),
    "POST notices/<int:notice_id>/open": NOTHING,
    "POST notices/<int:notice_id>/read": NOTHING,
    f"POST {V1}notices/read": NOTHING,
    f"PATCH {V1}notices/<int:notice_id>": build_body(read=True),
    f"POST {V1}{S}/bots/restore": build_body(reason="form", user_agent="x"),
    f"POST {V1}{S}/visitors/<int:device>/bot": NOTHING,
    f"POST {V1}{S}/visits/<int:visit>/bot": NOTHING,
    "POST account/brand": build_body(name="New"),
    "POST account/brand/files/<slug:kind>": lambda t: {"file": SimpleUploadedFile("new.png", draw_png("#0a7f5a"))},
    f"POST {V1}brand/files/<slug:kind>": lambda t: {"content": b64encode(draw_png("#0a7f5a")).decode()},
    f"DELETE {V1}brand/files/<slug:kind>": NOTHING,
    "POST account/sso": build_body(issuer="https://a.example", client_id="new", default_role="viewer"),
    "POST account/sso/remove": NOTHING,
    "POST account/sso/enforce": build_body(enforced="0"),
    "POST account/sso/domains": build_body(domain="new.example"),
    "POST account/sso/domains/<int:email_domain_id>/remove": NOTHING,
    "POST account/team": lambda t: {"email": "new@example.org", "role": "guest", f"grant-site-{t['site']}": "read"},
    "POST account/team/<int:member_id>": lambda t: {"role": "guest", f"grant-site-{t['site']}": "read"},
    "POST account/team/<int:member_id>/remove": NOTHING,
    "POST account/invitations/<int:invitation_id>/revoke": NOTHING,
    "POST account/invitations/<int:invitation_id>/resend": NOTHING,
    "POST account/invitations/<int:invitation_id>/link": NOTHING,
    "POST account/team/<int:pending_id>/invite": NOTHING,
    "POST account/team/keys/<int:exposed_id>/dismiss": NOTHING,
    "POST account/team/keys/<int:exposed_id>/replace": NOTHING,
    f"DELETE {V1}exposed-keys/<int:exposed_id>": NOTHING,
    "POST account/own-key": NOTHING,
    "POST me": build_body(name="New"),
    "POST me/tokens": lambda t: {"name": "new", "may_sites": "read", "sites": [t["site"]]},
    "POST me/tokens/review": NOTHING,
    "POST me/tokens/<int:token_id>/revoke": NOTHING,
    "POST me/password": build_body(current=PASSWORD, password="another long enough word"),
    "POST sites/new": lambda t: {"account": t["account"], "domain": "new.example", "timezone": "UTC"},
    f"POST {SET}/api-keys": build_body(name="new", can_read="on"),
    f"POST {SET}/api-keys/rotate": NOTHING,
    f"POST {SET}/api-keys/<int:key_id>/revoke": NOTHING,
    f"POST {SET}/team": build_body(email="new@example.org", right="write"),
    f"POST {SET}/team/<int:member_id>/remove": NOTHING,
    f"POST {SET}/delete": lambda t: {"domain": t.site.domain},
    f"POST {SET}/move": lambda t: {"account": t["client"]},
    f"POST {SET}/general": lambda t: {"domain": t.site.domain, "timezone": "Asia/Tokyo"},
    f"POST {SET}/privacy": build_body(addresses="drop", cookies="on", retention_months="1"),
    f"POST {SET}/exclusions": build_body(excluded_ips="0.0.0.0/0"),
    f"POST {SET}/proxy": build_body(proxy_addresses="192.0.2.0/24"),
    f"POST {SET}/heatmaps": build_body(share="50"),
    f"POST {SET}/widget": build_body(**WIDGET),
    f"POST {SET}/widget/<int:widget_id>/close": NOTHING,
    "POST widget/<int:site_id>/grant": lambda t: {"origin": f"https://{t.site.domain}"},
    f"POST {SET}/sharing": lambda t: {"name": "new", "segment": t["segment"]},
    f"POST {SET}/sharing/<int:share_id>/revoke": NOTHING,
    f"POST {S}/uptime/new": MONITOR,
    f"POST {S}/uptime/<int:monitor_id>/edit": MONITOR,
    f"POST {S}/uptime/<int:monitor_id>/delete": NOTHING,
    f"POST {S}/alerts/new/<slug:condition>": build_alert_body,
    f"POST {S}/alerts/<int:alert_id>": build_alert_body,
    f"POST {S}/alerts/<int:alert_id>/delete": NOTHING,
    f"POST {S}/alerts/channels/new": CHANNEL,
    f"POST {S}/alerts/channels/<int:channel_id>": CHANNEL,
    f"POST {S}/alerts/channels/<int:channel_id>/test": NOTHING,
    f"POST {S}/alerts/channels/<int:channel_id>/delete": NOTHING,
    f"POST {S}/alerts/channels/<int:channel_id>/secret": NOTHING,
    f"POST {S}/bots/people": build_body(reason="form", user_agent="x"),
    f"POST {S}/visitors/<int:device>/bot": NOTHING,
    f"POST {S}/visits/<int:visit>/bot": NOTHING,
    f"POST {S}/goals/new": GOAL,
    f"POST {S}/goals/<int:goal_id>": GOAL,
    f"POST {S}/goals/<int:goal_id>/remove": NOTHING,
    f"POST {S}/funnels/new": build_funnel_body,
    f"POST {S}/funnels/<int:funnel_id>/edit": build_funnel_body,
    f"POST {S}/funnels/<int:funnel_id>/remove": NOTHING,
    f"POST {S}/segments": lambda t: {"name": "new", "next": f"/sites/{t['site']}/?page=/a&goal={t['goal']}"},
    f"POST {S}/segments/<int:segment_id>/forget": NOTHING,
    f"POST {S}/notes": build_body(day="2026-03-02", text="new"),
    f"POST {S}/notes/<int:note_id>/remove": NOTHING,
    "POST digests": lambda t: {"every": "week", "sites": [t["site"]]},
    "POST digests/<int:subscription_id>/delete": NOTHING,
    "POST links/bulk": lambda t: {"link": [t["link"]], "action": "group", "group": t["group"]},
    "POST links/import": lambda t: {"text": f"url,group\nhttps://a.example/,{t.word} group"},
    "POST links/new": build_link_body,
    "POST links/groups": build_body(name="new"),
    "POST links/groups/<int:group_id>": build_body(name="new"),
    "POST links/groups/<int:group_id>/delete": NOTHING,
    "POST links/tags": lambda t: {"tag": t["tag"], "name": "new"},
    "POST links/conversions": build_body(name="new", window_days="30"),
    "POST links/conversions/<int:conversion_id>": build_body(name="new", window_days="30"),
    "POST links/conversions/<int:conversion_id>/delete": NOTHING,
    "POST links/domains": build_body(name="go.new.example"),
    "POST links/domains/<int:domain_id>": build_body(custom_404="https://a.example/"),
    "POST links/domains/<int:domain_id>/delete": NOTHING,
    "POST links/scripts": build_body(name="new", text="var a=1"),
    "POST links/scripts/<int:script_id>": build_body(name="new", text="var a=1"),
    "POST links/scripts/<int:script_id>/delete": NOTHING,
    "POST links/lists": lambda t: {"entry": t["entry"]},
    "POST links/guests": lambda t: {f"{t['member']}-group-{t['group']}": "read"},
    "POST links/<int:datapoint_id>/edit": build_link_body,
    "POST links/<int:datapoint_id>/watch": NOTHING,
    "POST links/<int:datapoint_id>/delete": NOTHING,
    "POST clients/new": build_body(name="new", timezone="UTC", labels="new"),
    "POST clients/sites": lambda t: {"account": t["client"], "sites": "new.example"},
    "POST clients/access": lambda t: {f"{t['member']}-{t['site']}": "read"},
    "POST clients/<int:client_id>": build_body(labels="new"),
    "POST clients/<int:client_id>/release": NOTHING,
    "POST clients/templates": lambda t: {"name": "new", "site": t["site"]},
    "POST clients/templates/<int:template_id>": lambda t: {"sites": [t["site"]]},
    "POST clients/templates/<int:template_id>/delete": NOTHING,
    f"POST {V1}site-templates": lambda t: {"name": "new", "site": t["site"]},
    f"DELETE {V1}site-templates/<int:template_id>": NOTHING,
    f"POST {V1}site-templates/<int:template_id>/apply": lambda t: {"sites": [t["site"]]},
    f"POST {V1}clients": build_body(name="new"),
    f"PATCH {V1}clients/<int:client_id>": build_body(labels=["new"]),
    f"DELETE {V1}clients/<int:client_id>": NOTHING,
    f"POST {V1}clients/<int:client_id>/sites": build_body(sites=[{"domain": "new.example"}]),
    f"POST {V1}{S}/move": lambda t: {"account": t["client"]},
    f"PATCH {V1}account": build_body(name="New"),
    f"POST {V1}members": lambda t: {
        "email": "new@example.org", "role": "guest", "grants": [{"kind": "site", "id": t["site"], "right": "read"}]
    },
    f"POST {V1}invitations": lambda t: {
        "email": "new@example.org", "role": "guest", "grants": [{"kind": "site", "id": t["site"], "right": "read"}]
    },
    f"PATCH {V1}members/<int:member_id>": lambda t: {
        "role": "guest", "grants": [{"kind": "site", "id": t["site"], "right": "read"}]
    },
    f"DELETE {V1}members/<int:member_id>": NOTHING,
    f"POST {V1}sites": build_body(domain="new.example"),
    f"PATCH {V1}{S}": build_body(nickname="new"),
    f"DELETE {V1}{S}": NOTHING,
    f"POST {V1}{S}/keys": build_body(name="new"),
    f"POST {V1}{S}/keys/rotate": NOTHING,
    f"DELETE {V1}{S}/keys/<int:key_id>": NOTHING,
    f"POST {V1}{S}/goals": build_body(name="new", kind="page", pattern="/new"),
    f"PATCH {V1}{S}/goals/<int:goal_id>": build_body(name="new"),
    f"DELETE {V1}{S}/goals/<int:goal_id>": NOTHING,
    f"POST {V1}{S}/funnels": lambda t: {"name": "new", "steps": [{"page": "/a"}, {"goal": t["goal"]}]},
    f"PATCH {V1}{S}/funnels/<int:funnel_id>": lambda t: {"steps": [{"page": "/a"}, {"goal": t["goal"]}]},
    f"DELETE {V1}{S}/funnels/<int:funnel_id>": NOTHING,
    f"POST {V1}{S}/segments": lambda t: {"name": "new", "filter": [{"goal": t["goal"]}]},
    f"PATCH {V1}{S}/segments/<int:segment_id>": lambda t: {"filter": [{"goal": t["goal"]}]},
    f"DELETE {V1}{S}/segments/<int:segment_id>": NOTHING,
    f"POST {V1}{S}/annotations": build_body(at="2026-03-02T08:00:00Z", text="new"),
    f"PATCH {V1}{S}/annotations/<int:note_id>": build_body(text="new"),
    f"DELETE {V1}{S}/annotations/<int:note_id>": NOTHING,
    f"POST {V1}{S}/monitors": build_body(url="https://a.example/"),
    f"PATCH {V1}{S}/monitors/<int:monitor_id>": build_body(name="new"),
    f"DELETE {V1}{S}/monitors/<int:monitor_id>": NOTHING,
    f"POST {V1}{S}/alerts": lambda t: {"name": "new", "condition": "uptime", "channels": [t["channel"]]},
    f"PATCH {V1}{S}/alerts/<int:alert_id>": lambda t: {"channels": [t["channel"]]},
    f"DELETE {V1}{S}/alerts/<int:alert_id>": NOTHING,
    f"POST {V1}channels": CHANNEL,
    f"PATCH {V1}channels/<int:channel_id>": CHANNEL,
    f"DELETE {V1}channels/<int:channel_id>": NOTHING,
    f"POST {V1}channels/<int:channel_id>/test": NOTHING,
    f"POST {V1}channels/<int:channel_id>/secret": NOTHING,
    f"PATCH {V1}brand": build_body(name="New"),
    f"DELETE {V1}invitations/<int:invitation_id>": NOTHING,
    f"POST {V1}invitations/<int:invitation_id>/resend": NOTHING,
    f"POST {V1}invitations/<int:invitation_id>/link": NOTHING,
    f"POST {V1}exposed-keys/<int:exposed_id>/replace": NOTHING,
    f"POST {V1}links": lambda t: {
        "url": "https://a.example/", "group": t["group"], "domain": t["domain"], "conversions": [t["conversion"]],
        "scripts": [t["script"]],
    },
    f"PATCH {V1}links/<int:datapoint_id>": lambda t: {"title": "new", "group": t["group"]},
    f"DELETE {V1}links/<int:datapoint_id>": NOTHING,
    f"POST {V1}link-groups": build_body(name="new"),
    f"PATCH {V1}link-groups/<int:group_id>": build_body(name="new"),
    f"DELETE {V1}link-groups/<int:group_id>": NOTHING,
    f"POST {V1}link-tags": build_body(name="new"),
    f"PATCH {V1}link-tags/<int:tag_id>": build_body(name="new"),
    f"DELETE {V1}link-tags/<int:tag_id>": NOTHING,
    f"POST {V1}link-conversions": build_body(name="new"),
    f"PATCH {V1}link-conversions/<int:conversion_id>": build_body(name="new"),
    f"DELETE {V1}link-conversions/<int:conversion_id>": NOTHING,
    f"POST {V1}link-domains": build_body(name="go.new.example"),
    f"PATCH {V1}link-domains/<int:domain_id>": build_body(custom_404="https://a.example/"),
    f"DELETE {V1}link-domains/<int:domain_id>": NOTHING,
    f"POST {V1}link-scripts": build_body(name="new", script="var a=1"),
    f"PATCH {V1}link-scripts/<int:script_id>": build_body(name="new"),
    f"DELETE {V1}link-scripts/<int:script_id>": NOTHING,
    f"POST {V1}link-lists": build_body(listing="blacklist", value="192.0.2.7"),
    f"DELETE {V1}link-lists/<int:entry_id>": NOTHING,
    f"POST {V1}{S}/shares": lambda t: {"name": "new", "segment": t["segment"]},
    f"DELETE {V1}{S}/shares/<int:share_id>": NOTHING,
    f"DELETE {V1}{S}/open-widgets/<int:widget_id>": NOTHING,
    f"POST {V1}digests": lambda t: {"frequency": "week", "sites": [t["site"]]},
    f"PATCH {V1}digests/<int:subscription_id>": lambda t: {"sites": [t["site"]]},
    f"DELETE {V1}digests/<int:subscription_id>": NOTHING,
}  # fmt: skip
# Accepted, yet nothing of the database is written
READS: dict[str, Body] = {
    "POST account/switch": lambda t: {"account": t["account"]},
    "POST theme": NOTHING,
    "POST clients/<int:client_id>/open": NOTHING,
    "POST clients/<int:client_id>/view": NOTHING,
    "POST clients/view/end": NOTHING,
    "POST account/sso/test": NOTHING,
    "POST account/sso/domains/<int:email_domain_id>/check": NOTHING,
    f"POST {V1}sso/test": NOTHING,
    f"POST {V1}sso/domains/<int:email_domain_id>/check": NOTHING,
    "POST account/brand/check": NOTHING,
    "POST account/brand/preview": build_body(name="New", accent="#0a7f5a"),
    f"POST {SET}/domain-check": NOTHING,
    f"POST {S}/alerts/channels/<int:channel_id>/ask": NOTHING,
    f"POST {V1}channels/<int:channel_id>/confirmation": NOTHING,
    f"POST {V1}brand/check": NOTHING,
    f"POST {V1}{S}/domain-check": NOTHING,
    f"POST {SET}/tracking-code": build_body(url="http://127.0.0.1/"),
    f"POST {SET}/personal-data": build_body(by="ip", value="203.0.113.250", action="export"),
    f"DELETE {V1}{S}/personal-data": NOTHING,
}
