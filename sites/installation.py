"""Is the tracker on the page? Fetches the page as a visitor's browser would and says what it found."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sites import known
from sites.hosts import HostMatcher
from sites.models import Site
from sites.outbound import Answer, OutboundError, fetch

MOST_BYTES = 2_000_000
AGENT = "Mozilla/5.0 (compatible; installation check)"
SCRIPT = re.compile(r"<script\b[^<>]{0,5000}>", re.I)  # bounded, since a page could be made to be slow to search
DATA_ID = re.compile(r"data-id\s*=\s*[\"']?(\d+)", re.I)
OTHER_FORMS = r"(?:/{id}\.js\b|/{id}ns\.gif\b|_site_ids\.push\(\s*{id}\s*\)|site_id\s*[=:]\s*[\"']?{id}\b)"


@dataclass(frozen=True)
class Finding:
    """What the check says: good or not, one sentence, and more for whoever wants it."""

    good: bool
    sentence: str
    advice: str = ""


def check(site: Site, url: str, our_host: str) -> Finding:
    """Fetch `url` (default: the site's start page) and look for the snippet. Never raises for what pages do."""
    url = url.strip() or f"https://{site.domain}/"
    if "://" not in url:
        url = f"https://{url}"
    if not HostMatcher(site.domain, tuple(site.allowed_hosts), site.any_host).accepts_host(url):
        return Finding(False, f"This page is not on {site.domain}.", "Add its host under General → More hosts.")
    try:
        answer = fetch(url, headers={"User-Agent": AGENT}, timeout=10, most_bytes=MOST_BYTES)
    except OutboundError as error:
        return Finding(False, str(error), "If the page is not public, watch for the first hit below instead.")
    return judge(site, answer, our_host)


def judge(site: Site, answer: Answer, our_host: str) -> Finding:
    """What an answer says about the installation."""
    if answer.status != 200:
        return Finding(False, f"The page answered {answer.status}.", "Check the address.")
    if answer.encoding:
        return Finding(
            False, f"The page cannot be read: it is compressed ({answer.encoding}), which we did not ask for.",
            "Watch for the first hit below instead.",
        )  # fmt: skip
    html = answer.text
    ids = {found for tag in SCRIPT.findall(html) for found in DATA_ID.findall(tag)}
    own = str(site.pk)
    if own not in ids and not re.search(OTHER_FORMS.format(id=own), html):
        if ids:
            return Finding(False, f"The page carries the code of site {', '.join(sorted(ids))}, not of {own}.")
        return Finding(
            False, "The tracking code is not in the page.", "A tag manager may add it later: watch for the first hit."
        )
    if blocked := blocking_policy(answer, our_host):
        return Finding(False, "The code is there, but the page's security policy stops it.", blocked)
    return Finding(True, "The tracking code is in the page.", missing_trusted_type(answer, our_host))


def policy_rules(answer: Answer) -> dict[str, list[str]]:
    """The page's Content-Security-Policy: directive -> its words."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    policy = headers.get("content-security-policy", "")
    return {part.split()[0].lower(): part.split()[1:] for part in policy.split(";") if part.split()}


def missing_trusted_type(answer: Answer, our_host: str) -> str:
    """What to add so that forms, heatmaps and media are recorded under Trusted Types; "" if nothing is missing."""
    rules, name = policy_rules(answer), known.brand_word(our_host) or "clicky"
    named = rules.get("trusted-types")
    if "require-trusted-types-for" not in rules or named is None or {"*", name} & set(named):
        return ""
    return f"Add {name} to trusted-types, so that forms, heatmaps, media and cookies are recorded too."


def blocking_policy(answer: Answer, our_host: str) -> str:
    """What to add to the page's Content-Security-Policy, or "" if it lets the tracker through."""
    rules = policy_rules(answer)
    missing = []
    for name in ("script-src", "connect-src"):
        sources = rules.get(name, rules.get("default-src"))
        if sources is not None and not lets_through(sources, our_host):
            missing.append(name)
    return f"Add {our_host} to {' and '.join(missing)}." if missing else ""


def lets_through(sources: list[str], our_host: str) -> bool:
    """Whether a list of CSP sources names our host (or everything)."""
    for source in sources:
        name = source.lower().split("://")[-1].rstrip("/")
        if name in {"*", "https:", "http:", our_host, our_host.partition(":")[0]}:
            return True
        if name.startswith("*.") and our_host.partition(":")[0].endswith(name[1:]):
            return True
    return False
