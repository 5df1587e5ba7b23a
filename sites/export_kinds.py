"""What can be exported of sites: the list of those that the caller may see, without keys."""

from __future__ import annotations

from collections.abc import Iterator

from accounts.exports.registry import ExportKind, ExportRequest, Row
from accounts.models import Area
from accounts.permissions import Bearer
from sites.selectors import select_sites

SITE_COLUMNS = (
    "id", "domain", "nickname", "timezone", "addresses", "cookies", "respect_dnt", "retention_months", "created",
)  # fmt: skip


def check_nothing(request: ExportRequest) -> None:
    """Everybody can export the sites that they see."""


def read_sites(request: ExportRequest) -> Iterator[Row]:
    """Yield the sites, by domain."""
    yield SITE_COLUMNS
    for site in select_sites(Bearer(membership=request.membership)).iterator():
        yield [*(getattr(site, name) for name in ("pk", *SITE_COLUMNS[1:-1])), site.created.isoformat()]


SITE_EXPORTS = (ExportKind(name="sites", label="Sites", area=Area.SITES, check=check_nothing, read=read_sites),)
