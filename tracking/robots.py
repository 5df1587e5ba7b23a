"""People's word on who is a bot: moved one way or the other, in every report, and remembered for what comes.

A name that gave itself away (a signature, a form, an AI's crawler) is remembered as a user agent, anything else as the
devices it was seen with. What is remembered is part of the site's facts, so the pipeline obeys within two seconds.
"""

from __future__ import annotations

from sites.models import Site
from sites.services import visitors_mark
from tracking import spool
from tracking.steps.bots import BY_HAND
from tracking.store.correct import Selection
from tracking.store.move import bring_back, set_apart
from tracking.store.people import devices_apart, devices_of_visit, has_events

BY_AGENT = ("signature", "form", "ai_live", "ai_search", "ai_training")
MOST_DEVICES = 200


class NoSuchVisitor(LookupError):
    """The site has no events of this device or visit."""


def visitor_set_apart(*, site: Site, device: int) -> int:
    """Everything of this device is a bot's, from now on too; how many events moved.

    Raises NoSuchVisitor, StoreError.
    """
    spool.flush()
    if not has_events(site.pk, "device", device):
        raise NoSuchVisitor
    visitors_mark(site=site, marks=[f"device:{device}"], robots=True)
    return set_apart(Selection(site.pk, {"device": [device]}), BY_HAND)


def visit_set_apart(*, site: Site, visit: int) -> int:
    """This visit is a bot's, and so is what its device does from now on; how many events moved.

    Raises NoSuchVisitor, StoreError.
    """
    spool.flush()
    if not has_events(site.pk, "visit", visit):
        raise NoSuchVisitor
    marks = [f"device:{device}" for device in devices_of_visit(site.pk, visit)]
    visitors_mark(site=site, marks=marks, robots=True)
    return set_apart(Selection(site.pk, {"visit": [visit]}), BY_HAND)


def bring_people_back(*, site: Site, reason: str, user_agent: str, organization: str = "") -> int:
    """What was set apart for this reason under this name is people's, from now on too; how many events moved.

    Raises StoreError.
    """
    spool.flush()
    where = {"reason": [reason], "user_agent": [user_agent], "organization": [organization]}
    devices = devices_apart(site.pk, reason, user_agent, organization, MOST_DEVICES)
    by_agent = reason.partition(":")[0] in BY_AGENT
    marks = [f"agent:{user_agent}"] if by_agent else [f"device:{device}" for device in devices]
    visitors_mark(site=site, marks=marks, robots=False)
    return bring_back(Selection(site.pk, where))
