"""Models of tracked links and pixels and of what they use.

Enumerations have the numbers that programs written for ClickMeter send and expect, so one model serves the pages, the
redirector and the dialect.
"""

from links.models.conversions import (
    MAX_CONVERSIONS,
    MAX_WINDOW_DAYS,
    MIN_WINDOW_DAYS,
    Conversion,
    LinkConversion,
    Protocol,
)
from links.models.fields import MAX_URL
from links.models.links import (
    ACCOUNT_KINDS,
    MAX_LIST_ENTRIES,
    MAX_SCRIPTS,
    ROTATORS,
    Datapoint,
    DatapointKind,
    Destination,
    Domain,
    DomainKind,
    Group,
    ListEntry,
    ListKind,
    Mode,
    RedirectType,
    ReferrerClean,
    Script,
    Status,
    Tag,
)

__all__ = [
    "ACCOUNT_KINDS",
    "MAX_CONVERSIONS",
    "MAX_LIST_ENTRIES",
    "MAX_SCRIPTS",
    "MAX_URL",
    "MAX_WINDOW_DAYS",
    "MIN_WINDOW_DAYS",
    "ROTATORS",
    "Conversion",
    "Datapoint",
    "DatapointKind",
    "Destination",
    "Domain",
    "DomainKind",
    "Group",
    "LinkConversion",
    "ListEntry",
    "ListKind",
    "Mode",
    "Protocol",
    "RedirectType",
    "ReferrerClean",
    "Script",
    "Status",
    "Tag",
]
