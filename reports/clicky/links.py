"""The links in Clicky's answers: `stats_url` into the dashboard, `url` to the thing itself. Both open."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from reports.clicky.dates import Dates
from sites.facts import SiteFacts

SAFE_PATH = "/:?#[]@!$&'()*+,;=%-._~"


@dataclass(frozen=True)
class Links:
    """`base`: the address of this installation as the client reached it, without a slash at the end."""

    base: str
    facts: SiteFacts

    def stats(self, dates: Dates | None, section: str = "", **filters: str) -> str:
        """The dashboard's page for these days, narrowed by dimension=value."""
        period = {"period": f"{dates.first}..{dates.last}"} if dates else {}
        query = urlencode({**period, **filters})
        path = f"{self.base}/sites/{self.facts.site_id}/{section}"
        return f"{path}?{query}" if query else path

    def visit(self, number: object) -> str:
        return f"{self.base}/sites/{self.facts.site_id}/visits/{number}"

    def page(self, path: str, host: str = "") -> str:
        """A page of the site, absolute."""
        return f"http://{host or self.facts.domain}{quote(path, safe=SAFE_PATH) if path else '/'}"

    def address(self, target: str, path: str = "", host: str = "") -> str:
        """Where an action led or what it was logged with, absolute; the page it was done on if that is no address."""
        if target.startswith("//"):
            return f"http:{target}"
        if target.startswith("/"):
            return self.page(target, host)
        if not path or absolute(target):
            return absolute(target)
        return self.page(path, host) + (target if target.startswith("#") else "")


def absolute(address: str) -> str:
    """A stranger's address if it is one that a link may lead to, else ""."""
    return address if address.lower().startswith(("http://", "https://", "ftp://", "mailto:", "tel:")) else ""
