"""Translate the parameters of in.php into a hit."""

from __future__ import annotations

from accounts.security.client_ip import normalize_address
from sites.settings_fields import UNTYPED_VIEW
from sites.site_config import SiteConfig
from tracking.endpoints.common import (
    NO_AMOUNT,
    build_page_url,
    get_group,
    parse_campaign,
    parse_json_amount,
    parse_number,
)
from tracking.event import Hit
from tracking.pipeline.page import is_absolute, is_route
from tracking.web import Fields

KINDS = {
    "pageview": "view", "click": "event", "outbound": "outbound", "download": "download", "goal": "goal",
    "custom": "set", "ping": "ping", "video": "video", "event": "event", "form": "form",
}  # fmt: skip
OUTBOUND_SCHEMES = ("http:", "https:", "telnet:", "ftp:", "mailto:", "tel:", "//")
MIN_ID_LENGTH = 16  # our tracker sends a unique id as `x`; Clicky's `x` is shorter and only defeats caches


def find_kind(fields: Fields, site: SiteConfig) -> str:
    """Return the kind of a beacon. `clicky.log` without a type is a click, or a view if the site chose so (`#part` is
    always a click)."""
    if fields.get("untyped") != "1":
        return KINDS.get(fields.get("type", ""), "view")
    anchor = fields.get("href", "").startswith("#") and not is_route(fields.get("href", "")[1:])
    return "view" if site.tracker.untyped_log == UNTYPED_VIEW and not anchor else "event"


def fill_hit(hit: Hit, fields: Fields, referer: str) -> None:
    """Fill the hit from a beacon's parameters. `referer` is the page's address where the beacon sends none."""
    get = fields.get
    href, host = get("href", ""), get("host", "")
    if hit.kind == "view":
        hit.url = build_page_url(href, host, referer) if href else referer
    else:
        page = get("page", "")
        hit.url = build_page_url(page, host, referer) if page or host else referer
    fill_shared_fields(hit, fields, href)
    hit.language, hit.screen = get("lang", "").replace("xx", ""), get("res", "")
    hit.timezone = get("tz", "")
    hit.platform_version, hit.model = get("hep", ""), get("hem", "")
    if (touch_points := get("tc", "0")) != "0":  # most computers have none
        hit.touch_points = int(min(1000, max(0, parse_number(touch_points))))
    hit.cookie, hit.consent = get("jsuid", ""), get("consent", "") == "1"
    hit.do_not_track = hit.do_not_track or get("dnt", "") == "1"
    if engaged := get("et", ""):
        hit.engaged = parse_number(engaged) / 1000
    if scroll := get("sc", ""):
        hit.scroll = parse_percent(scroll)
    hit.view_id, hit.signs = get("vid", "")[:16], get("wd", "")[:100]
    if timeout := get("timeout", ""):
        hit.timeout = int(min(1000, parse_number(timeout)))
    if len(event_id := get("x", "")) >= MIN_ID_LENGTH:
        hit.event_id, hit.brief_id = event_id[:100], True


def parse_percent(text: str) -> int:
    """Parse a percentage to an integer from 0 to 100."""
    return int(min(100, max(0, parse_number(text))))


def fill_shared_fields(hit: Hit, fields: Fields, href: str) -> None:
    """Fill what beacons and servers send in the same parameters."""
    get = fields.get
    hit.referrer, hit.name, title = get("ref", ""), get("name", ""), get("title", "")
    if utm := get("utm", ""):
        hit.utm = parse_campaign(utm)
    if hit.kind == "view":
        hit.title = title
    elif hit.kind in ("outbound", "download"):
        hit.target, hit.text = href, title
    elif hit.kind == "event":
        hit.name = hit.name or title or href
        hit.target = href if href != get("page", "") else ""
    elif hit.kind == "video":
        video = get_group(fields, "video")
        hit.target, hit.text, hit.name = href, title, video.get("action", "")
        hit.props = {"time": video["time"]} if "time" in video else {}
    if hit.kind in ("event", "form"):
        hit.props = get_group(fields, "prop")
        hit.revenue, amount_currency = parse_json_amount(get("revenue", "")) or NO_AMOUNT
        hit.currency = get("currency", "") or amount_currency
    if fields.groups:
        fill_groups(hit, fields)


def fill_groups(hit: Hit, fields: Fields) -> None:
    """Fill tags (`custom[…]`) and the experiment (`split[…]`)."""
    hit.tags = get_group(fields, "custom")
    experiment = get_group(fields, "split")
    if experiment.get("name"):
        hit.split = (experiment["name"], experiment.get("version", ""))
        goals = fields.get_all("split[goal][]") or fields.get_all("split[goal]")
        hit.props = {**hit.props, "split_goal": ",".join(goals)} if goals else hit.props


def fill_trusted_hit(hit: Hit, fields: Fields) -> bool:
    """Fill the hit from a server's parameters; return False if the address breaks Clicky's rules."""
    hit.trusted = True
    hit.session = fields.get("session_id", "")
    hit.ip = normalize_address(fields.get("ip_address", ""))
    hit.user_agent = fields.get("ua", "")
    hit.do_not_track, hit.headers = False, {}  # the server's, not the visitor's
    href = fields.get("href", "")
    if hit.kind == "outbound" and not href.lower().startswith(OUTBOUND_SCHEMES):
        return False
    if hit.kind in ("view", "event", "download") and not is_absolute(href) and not href.startswith(("/", "#")):
        href = f"/{href}"
    if hit.kind == "view":
        hit.url = href
    else:
        hit.url = fields.get("page", "") or (href if hit.kind == "event" else "")
    fill_shared_fields(hit, fields, href)
    return True
