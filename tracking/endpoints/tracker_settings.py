"""The tracker's settings that a site sends in its answer to a beacon (`static/tracker/WIRE.md`, 3).

What a site chooses of them is declared in `sites.settings_fields.TrackerSettings`.
"""

from __future__ import annotations

from sites import onsite_tokens
from sites.site_config import SiteConfig
from tracking.endpoints import heatmap
from tracking.event import Event
from tracking.web import write_tracker_call

STOP_REASONS = frozenset({"unknown_site", "opted_out", "over_quota", "suspended", "do_not_track"})


def build_settings(
    site: SiteConfig | None, dropped: str, event: Event | None, consent: bool, osa_token: str = ""
) -> dict[str, object]:
    """Return the settings of one site for one visitor. `event` is the stored one, `dropped` the reason of a rejection.

    `osa_token` was stored on the page when an owner came from the dashboard; a valid one opens the on-site widget.
    """
    if site is None:
        return {"site": 0, "stop": 1}
    return {
        "site": site.site_id,
        "cookie": int(site.cookies == "on" or (site.cookies == "consent" and consent)),
        **site.tracker.script_settings,
        "heat": int(event is not None and heatmap.records_clicks(site, event)),
        "osa": osa_token if onsite_tokens.read_user_id(osa_token, site.site_id) else "",
        "stop": int(dropped in STOP_REASONS),
    }


def build_settings_script(
    site: SiteConfig | None, dropped: str, event: Event | None, consent: bool, osa_token: str = ""
) -> str:
    """Build the script that passes the settings to the tracker on the page."""
    return write_tracker_call("on", build_settings(site, dropped, event, consent, osa_token))
