"""Manual decisions about bots: move stored events into or out of quarantine, and apply the decision to future hits.

What was detected by its user agent (a signature, a form, an AI's crawler) is marked by its user agent, anything else by
its devices. The marks are part of the site's configuration, so the pipeline applies them within two seconds.
"""

from __future__ import annotations

from sites.models import Site
from sites.services import visitors_mark
from tracking import spool
from tracking.pipeline.bot_quarantine import BY_HAND
from tracking.store.corrections import Selection
from tracking.store.move import quarantine_events, restore_events
from tracking.store.subjects import has_events, list_devices_of_visit, list_quarantined_devices

USER_AGENT_REASONS = ("signature", "form", "ai_live", "ai_search", "ai_training")
MAX_DEVICES = 200


class NoSuchVisitor(LookupError):
    """The site has no events of this device or visit."""


def quarantine_visitor(*, site: Site, device: int) -> int:
    """Quarantine everything of this device, future hits included; return how many events moved.

    Raises NoSuchVisitor, StoreError.
    """
    spool.flush()
    if not has_events(site.pk, "device", device):
        raise NoSuchVisitor
    visitors_mark(site=site, marks=[f"device:{device}"], robots=True)
    return quarantine_events(Selection(site.pk, {"device": [device]}), BY_HAND)


def quarantine_visit(*, site: Site, visit: int) -> int:
    """Quarantine this visit, and future hits of its device; return how many events moved.

    Raises NoSuchVisitor, StoreError.
    """
    spool.flush()
    if not has_events(site.pk, "visit", visit):
        raise NoSuchVisitor
    marks = [f"device:{device}" for device in list_devices_of_visit(site.pk, visit)]
    visitors_mark(site=site, marks=marks, robots=True)
    return quarantine_events(Selection(site.pk, {"visit": [visit]}), BY_HAND)


def restore_visitors(*, site: Site, reason: str, user_agent: str, organization: str = "") -> int:
    """Restore what was quarantined for this reason under this user agent and network, and accept it from now on; return
    how many events moved.

    Raises StoreError.
    """
    spool.flush()
    where = {"reason": [reason], "user_agent": [user_agent], "organization": [organization]}
    devices = list_quarantined_devices(site.pk, reason, user_agent, organization, MAX_DEVICES)
    by_agent = reason.partition(":")[0] in USER_AGENT_REASONS
    marks = [f"agent:{user_agent}"] if by_agent else [f"device:{device}" for device in devices]
    visitors_mark(site=site, marks=marks, robots=False)
    return restore_events(Selection(site.pk, where))
