"""What the parameters of in.php mean."""

from __future__ import annotations

from accounts.security.client_ip import normalize_address
from sites.facts import SiteFacts
from sites.settings_fields import UNTYPED_VIEW
from tracking.doors.common import NO_AMOUNT, named, number, one, page_url, read_amount, utm_of
from tracking.hit import Hit
from tracking.steps.page import is_absolute, is_route
from tracking.web import Fields

KINDS = {
    "pageview": "view", "click": "event", "outbound": "outbound", "download": "download", "goal": "goal",
    "custom": "set", "ping": "ping", "video": "video", "event": "event", "form": "form",
}  # fmt: skip
OUTBOUND = ("http:", "https:", "telnet:", "ftp:", "mailto:", "tel:", "//")
LONG_ID = 16  # our tracker's `x` is a beacon's own id; Clicky's is only there against caches


def kind_of(fields: Fields, facts: SiteFacts) -> str:
    """What a beacon is. `clicky.log` without a type is a click, or a view where the site said so; `#part` never is."""
    if fields.get("untyped") != "1":
        return KINDS.get(fields.get("type", ""), "view")
    anchor = one(fields, "href").startswith("#") and not is_route(one(fields, "href")[1:])
    return "view" if facts.tracker.get("untyped_log") == UNTYPED_VIEW and not anchor else "event"


def fill(hit: Hit, fields: Fields, referer: str) -> None:
    """Put a beacon's parameters into the hit. `referer` names the page where the beacon does not."""
    get = fields.get
    href, host = get("href", ""), get("host", "")
    if hit.kind == "view":
        hit.url = page_url(href, host, referer) if href else referer
    else:
        page = get("page", "")
        hit.url = page_url(page, host, referer) if page or host else referer
    common(hit, fields, href)
    hit.language, hit.screen = get("lang", "").replace("xx", ""), get("res", "")
    hit.timezone = get("tz", "")
    hit.platform_version, hit.model = get("hep", ""), get("hem", "")
    if (touch_points := get("tc", "0")) != "0":  # most computers have none
        hit.touch_points = int(min(1000, max(0, number(touch_points))))
    hit.cookie, hit.consent = get("jsuid", ""), get("consent", "") == "1"
    hit.do_not_track = hit.do_not_track or get("dnt", "") == "1"
    if engaged := get("et", ""):
        hit.engaged = number(engaged) / 1000
    if scroll := get("sc", ""):
        hit.scroll = reach(scroll)
    hit.view_id, hit.signs = get("vid", "")[:16], get("wd", "")[:100]
    if timeout := get("timeout", ""):
        hit.timeout = int(min(1000, number(timeout)))
    if len(mark := get("x", "")) >= LONG_ID:
        hit.event_id, hit.brief_id = mark[:100], True


def reach(text: str) -> int:
    """Percent, 0 to 100."""
    return int(min(100, max(0, number(text))))


def common(hit: Hit, fields: Fields, href: str) -> None:
    """What beacons and servers say alike."""
    get = fields.get
    hit.referrer, hit.name, title = get("ref", ""), get("name", ""), get("title", "")
    if utm := get("utm", ""):
        hit.utm = utm_of(utm)
    if hit.kind == "view":
        hit.title = title
    elif hit.kind in ("outbound", "download"):
        hit.target, hit.text = href, title
    elif hit.kind == "event":
        hit.name = hit.name or title or href
        hit.target = href if href != get("page", "") else ""
    elif hit.kind == "video":
        video = named(fields, "video")
        hit.target, hit.text, hit.name = href, title, video.get("action", "")
        hit.props = {"time": video["time"]} if "time" in video else {}
    if hit.kind in ("event", "form"):
        hit.props = named(fields, "prop")
        hit.revenue, written_currency = read_amount(get("revenue", "")) or NO_AMOUNT
        hit.currency = get("currency", "") or written_currency
    if fields.groups:
        grouped(hit, fields)


def grouped(hit: Hit, fields: Fields) -> None:
    """What comes by names of its own: custom data and split tests."""
    hit.tags = named(fields, "custom")
    split = named(fields, "split")
    if split.get("name"):
        hit.split = (split["name"], split.get("version", ""))
        goals = fields.every("split[goal][]") or fields.every("split[goal]")
        hit.props = {**hit.props, "split_goal": ",".join(goals)} if goals else hit.props


def fill_trusted(hit: Hit, fields: Fields) -> bool:
    """The same from a server with the admin key; False when the address breaks Clicky's rules."""
    hit.trusted = True
    hit.session = one(fields, "session_id")
    hit.ip = normalize_address(one(fields, "ip_address"))
    hit.user_agent = one(fields, "ua")
    hit.do_not_track, hit.headers = False, {}  # those of the server, not of its visitor
    href = one(fields, "href")
    if hit.kind == "outbound" and not href.lower().startswith(OUTBOUND):
        return False
    if hit.kind in ("view", "event", "download") and not is_absolute(href) and not href.startswith(("/", "#")):
        href = f"/{href}"
    if hit.kind == "view":
        hit.url = href
    else:
        hit.url = one(fields, "page") or (href if hit.kind == "event" else "")
    common(hit, fields, href)
    return True
