"""in.php and its image variants: Clicky's beacons, and logging from a server with the admin key."""

from __future__ import annotations

import re
from dataclasses import replace

from accounts.keys import is_same_key
from sites import site_cache
from sites.site_config import SiteConfig
from tracking import ingestion, static_js
from tracking.endpoints import heatmap, tracker_settings
from tracking.endpoints.clicky_fields import KINDS, fill_hit, fill_trusted_hit, find_kind
from tracking.endpoints.common import NO_AMOUNT, create_hit, get_group, parse_json_amount
from tracking.event import Event, Hit, Rejection
from tracking.state.base import State
from tracking.web import EndpointRequest, Fields, Reply, build_gif_reply, build_script_reply, parse_site_id

AMP_CACHE = re.compile(
    r"https?://([a-z0-9-]{1,63})\.cdn\.ampproject\.org(?=/|$)(?:/[a-z]{1,2}/(s/)?([^/?#]+)([^#]*))?", re.IGNORECASE
)


def receive_beacon(request: EndpointRequest) -> Reply:
    """Answer `/in.php`."""
    fields = request.fields()
    if fields.get("part", "") and not fields.get("site_id", ""):
        return static_js.serve_part(request, fields.get("part", ""))
    site = find_site(fields)
    if site is None:
        return build_reply(request, fields, None, ingestion.reject_request(0, "unknown_site", request.now))
    if "sitekey_admin" in fields:
        return receive_from_server(request, fields, site)
    if fields.get("type", "") == "heatmap":
        return build_reply(request, fields, site, heatmap.receive_heatmap(request, fields, site))
    hit = create_hit(request, site, find_kind(fields, site))
    fill_hit(hit, fields, request.headers.get("referer") or request.headers.get("origin", ""))
    return build_reply(request, fields, site, receive_with_goal(hit, fields, site, request.state))


def receive_image(request: EndpointRequest) -> Reply:
    """Answer `/<site_id>ns.gif` and `/<site_id>-db.gif`: a page view of a browser without scripts."""
    file_name = request.path.rpartition("/")[2]
    site = site_cache.get_site(parse_site_id(file_name.removesuffix("ns.gif").removesuffix("-db.gif")))
    if site is None:
        return build_gif_reply(ingestion.reject_request(0, "unknown_site", request.now).reason)
    hit = create_hit(request, site, "view")
    fill_hit(hit, Fields(), undo_amp_cache(request.headers.get("referer", "")))
    outcome = ingestion.receive(hit, site, request.state)
    return build_gif_reply(outcome.reason if isinstance(outcome, Rejection) else "")


def undo_amp_cache(address: str) -> str:
    """Return the original address of a page that was displayed by an AMP cache; any other address unchanged.

    `https://example-com.cdn.ampproject.org/v/s/example.com/a` is https://example.com/a. Browsers often send no path;
    then the label before the first dot is the host, with `-` for a dot and `--` for a dash.
    """
    match = AMP_CACHE.match(address)
    if not match:
        return address
    label, secure, host, path = match.groups()
    if host:
        return f"http{'s' if secure else ''}://{host}{path or '/'}"
    return f"https://{label.replace('--', ' ').replace('-', '.').replace(' ', '-')}/"


def find_site(fields: Fields) -> SiteConfig | None:
    """Find the site by its number, or by the domain that `/tracker.js` was configured with."""
    if domain := fields.get("domain", ""):
        return site_cache.find_site_by_host(domain)
    return site_cache.get_site(parse_site_id(fields.get("site_id", "")))


def receive_from_server(request: EndpointRequest, fields: Fields, site: SiteConfig) -> Reply:
    """Record what a server sends for its visitor with the site's admin key."""
    if not is_same_key(fields.get("sitekey_admin", ""), site.sitekey_admin):
        return Reply(
            b"NOK bad sitekey_admin\n", dropped=ingestion.reject_request(site.site_id, "bad_key", request.now).reason
        )
    hit = create_hit(request, site, KINDS.get(fields.get("type", ""), "view"))
    if not fill_trusted_hit(hit, fields):
        return Reply(
            b"NOK bad href\n", dropped=ingestion.reject_request(site.site_id, "bad_request", request.now).reason
        )
    outcome = receive_with_goal(hit, fields, site, request.state)
    if isinstance(outcome, Rejection):
        return Reply(f"NOK {outcome.reason}\n".encode(), dropped=outcome.reason)
    return Reply(f"OK {outcome['visit']}\n".encode())


def receive_with_goal(hit: Hit, fields: Fields, site: SiteConfig, state: State) -> Event | Rejection:
    """Record the hit, and as a second event the goal that it carries."""
    goal = get_group(fields, "goal")
    name = goal.get("id") or goal.get("name") or fields.get("goal", "")
    if not name:
        return receive_without_goal(hit, site, state)
    revenue, currency = parse_json_amount(goal.get("revenue", "")) or NO_AMOUNT
    currency = goal.get("currency", "") or currency or hit.currency
    if hit.kind == "goal":
        hit.name, hit.revenue, hit.currency = name, revenue, currency
        return ingestion.receive(hit, site, state)
    outcome = ingestion.receive(hit, site, state)
    if isinstance(outcome, Rejection) and outcome.reason != "duplicate":  # then only the hit may be stored
        return outcome
    goal_hit = replace(
        hit, kind="goal", name=name, revenue=revenue, currency=currency, target="", text="", engaged=0.0,
        props={name: value for name, value in hit.props.items() if name == "split_goal"},
        event_id=f"{hit.event_id}:goal" if hit.event_id else "",
    )  # fmt: skip
    goal_outcome = ingestion.receive(goal_hit, site, state)
    is_undecided = isinstance(goal_outcome, Rejection) and goal_outcome.reason == "undecided"
    return goal_outcome if is_undecided else outcome


def receive_without_goal(hit: Hit, site: SiteConfig, state: State) -> Event | Rejection:
    """Record a hit that carries no goal; reject a goal without a name."""
    if hit.kind == "goal":
        return ingestion.reject_request(site.site_id, "bad_request", hit.now)
    return ingestion.receive(hit, site, state)


def build_reply(
    request: EndpointRequest, fields: Fields, site: SiteConfig | None, outcome: Event | Rejection | None
) -> Reply:
    """Build the reply: JavaScript for a tracker that runs it, else the pixel."""
    dropped = outcome.reason if isinstance(outcome, Rejection) else ""
    if fields.get("mime", "") == "js":
        event = None if isinstance(outcome, Rejection) else outcome
        consent, osa_token = fields.get("consent", "") == "1", fields.get("osa", "")
        return build_script_reply(
            tracker_settings.build_settings_script(site, dropped, event, consent, osa_token), dropped
        )
    return build_gif_reply(dropped)
