"""What the site wants of the tracker: the answer to a beacon that reads it (`static/tracker/WIRE.md`, 3)."""

from __future__ import annotations

import json
from typing import Any

from sites.facts import SiteFacts

STOPPING = frozenset({"unknown_site", "opted_out", "over_quota", "do_not_track"})


def switches(facts: SiteFacts | None, dropped: str) -> dict[str, Any]:
    """The switches of one site; a refused beacon hears the same, and whether to stop."""
    if facts is None:
        return {"site": 0, "stop": 1}
    chosen = facts.tracker
    return {
        "site": facts.site_id,
        "cookie": int(facts.cookies in ("on", "consent")),
        "ping": int(chosen.get("pings", True)),
        "link": int(chosen.get("outbound", True)),
        "form": int(chosen.get("forms", True)),
        "media": int(chosen.get("media", False)),
        "heat": int(bool(chosen.get("heatmap", False))),
        "osa": "",
        "stop": int(dropped in STOPPING),
    }


def answer(facts: SiteFacts | None, dropped: str) -> str:
    """The script that hands the switches to the tracker on the page."""
    text = json.dumps(switches(facts, dropped), separators=(",", ":")).replace("<", "\\u003c")
    return f"if(window._cgen&&_cgen.on){{_cgen.on({text})}}"
