"""The links in Clicky's results: `stats_url` leads into the dashboard, `url` to the page or file itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, urlencode

from reports.clicky.dates import Dates
from sites.site_config import SiteConfig

SAFE_PATH = "/:?#[]@!$&'()*+,;=%-._~"
# Of addresses that strangers wrote, to which links may lead
LINK_SCHEMES = ("http://", "https://", "ftp://", "mailto:", "tel:")


@dataclass(frozen=True)
class ResultLinks:
    """Builds the links of one site. `find_base` is called for the first link, since many results have none."""

    find_base: Callable[[], str]
    site: SiteConfig

    @cached_property
    def base(self) -> str:
        """This installation as the client reached it, without a final slash."""
        return self.find_base()

    def build_stats_url(self, dates: Dates | None, section: str = "", **filters: str) -> str:
        """Return the dashboard's page of these days, filtered by dimension=value."""
        period = {"period": f"{dates.first}..{dates.last}"} if dates else {}
        query = urlencode({**period, **filters})
        path = f"{self.base}/sites/{self.site.site_id}/{section}"
        return f"{path}?{query}" if query else path

    def build_visit_url(self, visit: object) -> str:
        return f"{self.base}/sites/{self.site.site_id}/visits/{visit}"

    def build_page_url(self, path: str, host: str = "") -> str:
        """Return the absolute address of a page of the site."""
        return f"http://{host or self.site.domain}{quote(path, safe=SAFE_PATH) if path else '/'}"

    def build_target_url(self, target: str, path: str = "", host: str = "") -> str:
        """Return the absolute address of an action's target; if that is not an address, that of the action's page."""
        if target.startswith("//"):
            return f"http:{target}"
        if target.startswith("/"):
            return self.build_page_url(target, host)
        is_address = target.lower().startswith(LINK_SCHEMES)
        if is_address or not path:
            return target if is_address else ""
        return self.build_page_url(path, host) + (target if target.startswith("#") else "")
