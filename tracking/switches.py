"""What the site wants of the tracker: the answer to a beacon that reads it (`static/tracker/WIRE.md`, 3).

A site chooses in `Site.tracker`: `pings`, `outbound`, `forms` (on), `media` (off), `heatmap` (`tracking.heat`), which
changes of address are views (`replace_state`, `hash_routes`, `navigation_api`, off) and what `clicky.log` without a
type is (`untyped_log`).
"""

from __future__ import annotations

import json
from typing import Any

from sites import onsite
from sites.facts import SiteFacts
from sites.settings_fields import UNTYPED_VIEW
from tracking import heat
from tracking.hit import Event

STOPPING = frozenset({"unknown_site", "opted_out", "over_quota", "do_not_track"})


def switches(
    facts: SiteFacts | None, dropped: str, event: Event | None, consent: bool, word: str = ""
) -> dict[str, Any]:
    """The switches of one site for one visitor; a refused beacon hears whether to stop. `event` is what was stored.

    `word` is what the page keeps of an owner who came from the dashboard: the one that is good opens the widget.
    """
    if facts is None:
        return {"site": 0, "stop": 1}
    chosen = facts.tracker
    return {
        "site": facts.site_id,
        "cookie": int(facts.cookies == "on" or (facts.cookies == "consent" and consent)),
        "ping": int(bool(chosen.get("pings", True))),
        "link": int(bool(chosen.get("outbound", True))),
        "form": int(bool(chosen.get("forms", True))),
        "media": int(bool(chosen.get("media", False))),
        "replace": int(bool(chosen.get("replace_state", False))),
        "hash": int(bool(chosen.get("hash_routes", False))),
        "navigate": int(bool(chosen.get("navigation_api", False))),
        "log": int(chosen.get("untyped_log") == UNTYPED_VIEW),
        "heat": int(event is not None and heat.wanted(facts, event)),
        "osa": word if onsite.user_of(word, facts.site_id) else "",
        "stop": int(dropped in STOPPING),
    }


def answer(facts: SiteFacts | None, dropped: str, event: Event | None, consent: bool, word: str = "") -> str:
    """The script that hands the switches to the tracker on the page."""
    text = json.dumps(switches(facts, dropped, event, consent, word), separators=(",", ":")).replace("<", "\\u003c")
    return f"if(window._cgen&&_cgen.on){{_cgen.on({text})}}"
