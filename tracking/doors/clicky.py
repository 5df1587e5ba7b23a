"""in.php and its image forms: Clicky's beacons, and logging from a server with the admin key."""

from __future__ import annotations

import re
from dataclasses import replace

from accounts.keys import same_key
from sites import known
from sites.facts import SiteFacts
from tracking import heat, intake, switches
from tracking.doors import scripts
from tracking.doors.clicky_fields import KINDS, fill, fill_trusted, kind_of
from tracking.doors.common import NO_AMOUNT, named, new_hit, one, read_amount, site_number
from tracking.hit import Event, Hit, Refused
from tracking.web import Fields, Reply, Request, gif, script

AMP_CACHE = re.compile(
    r"https?://([a-z0-9-]{1,63})\.cdn\.ampproject\.org(?=/|$)(?:/[a-z]{1,2}/(s/)?([^/?#]+)([^#]*))?", re.IGNORECASE
)


def beacon(request: Request) -> Reply:
    """`/in.php`."""
    fields = request.fields()
    if one(fields, "part") and not one(fields, "site_id"):
        return scripts.part(request, one(fields, "part"))
    facts = find_site(fields)
    if facts is None:
        return answer(request, fields, None, intake.turn_away(0, "unknown_site", request.now))
    if "sitekey_admin" in fields:
        return from_server(request, fields, facts)
    if one(fields, "type") == "heatmap":
        return answer(request, fields, facts, heat.receive(request, fields, facts))
    hit = new_hit(request, facts, kind_of(fields, facts))
    fill(hit, fields, request.headers.get("referer") or request.headers.get("origin", ""))
    return answer(request, fields, facts, receive_all(hit, fields, facts))


def image(request: Request) -> Reply:
    """`/<site_id>ns.gif` and `/<site_id>-db.gif`: a page view of a browser without scripts."""
    facts = known.site(site_number(request.path.rpartition("/")[2].split(".")[0].rstrip("-dbns")))
    if facts is None:
        return gif(intake.turn_away(0, "unknown_site", request.now).reason)
    hit = new_hit(request, facts, "view")
    fill(hit, Fields(), published_address(request.headers.get("referer", "")))
    outcome = intake.receive(hit, facts)
    return gif(outcome.reason if isinstance(outcome, Refused) else "")


def published_address(address: str) -> str:
    """The address of the site's own page where a cache of AMP pages showed it; any other as it is.

    `https://example-com.cdn.ampproject.org/v/s/example.com/a` is https://example.com/a; without a path, which browsers
    keep to themselves, the name before the first dot tells the host: `-` is a dot there and `--` is a dash.
    """
    found = AMP_CACHE.match(address)
    if not found:
        return address
    label, secure, host, path = found.groups()
    if host:
        return f"http{'s' if secure else ''}://{host}{path or '/'}"
    return f"https://{label.replace('--', ' ').replace('-', '.').replace(' ', '-')}/"


def find_site(fields: Fields) -> SiteFacts | None:
    """By number, or by the host that `/tracker.js` was told."""
    if domain := one(fields, "domain"):
        return known.site_by_host(domain)
    return known.site(site_number(one(fields, "site_id")))


def from_server(request: Request, fields: Fields, facts: SiteFacts) -> Reply:
    """A server logs for its visitor, with the site's admin key."""
    if not same_key(one(fields, "sitekey_admin"), facts.sitekey_admin):
        return Reply(b"NOK bad sitekey_admin\n", dropped=intake.turn_away(facts.site_id, "bad_key", request.now).reason)
    hit = new_hit(request, facts, KINDS.get(one(fields, "type"), "view"))
    if not fill_trusted(hit, fields):
        return Reply(b"NOK bad href\n", dropped=intake.turn_away(facts.site_id, "bad_request", request.now).reason)
    outcome = receive_all(hit, fields, facts)
    if isinstance(outcome, Refused):
        return Reply(f"NOK {outcome.reason}\n".encode(), dropped=outcome.reason)
    return Reply(f"OK {outcome['visit']}\n".encode())


def receive_all(hit: Hit, fields: Fields, facts: SiteFacts) -> Event | Refused:
    """The hit, and the goal that came along with it."""
    goal = named(fields, "goal")
    name = goal.get("id") or goal.get("name") or one(fields, "goal")
    if not name:
        return receive_without_goal(hit, facts)
    revenue, currency = read_amount(goal.get("revenue", "")) or NO_AMOUNT
    currency = goal.get("currency", "") or currency or hit.currency
    if hit.kind == "goal":
        hit.name, hit.revenue, hit.currency = name, revenue, currency
        return intake.receive(hit, facts)
    outcome = intake.receive(hit, facts)
    if isinstance(outcome, Refused):
        return outcome
    extra = replace(
        hit, kind="goal", name=name, revenue=revenue, currency=currency, target="", text="", engaged=0.0,
        props={name: value for name, value in hit.props.items() if name == "split_goal"},
        event_id=f"{hit.event_id}:goal" if hit.event_id else "",
    )  # fmt: skip
    intake.receive(extra, facts)
    return outcome


def receive_without_goal(hit: Hit, facts: SiteFacts) -> Event | Refused:
    """A hit without a goal; where it was to be one, nobody could know which."""
    if hit.kind == "goal":
        return intake.turn_away(facts.site_id, "bad_request", hit.now)
    return intake.receive(hit, facts)


def answer(request: Request, fields: Fields, facts: SiteFacts | None, outcome: Event | Refused | None) -> Reply:
    """JavaScript for who reads it, else the pixel."""
    dropped = outcome.reason if isinstance(outcome, Refused) else ""
    if one(fields, "mime") == "js":
        event = None if isinstance(outcome, Refused) else outcome
        consent, word = one(fields, "consent") == "1", one(fields, "osa")
        return script(switches.answer(facts, dropped, event, consent, word), dropped)
    return gif(dropped)
