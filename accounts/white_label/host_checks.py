"""What DNS and HTTPS say about the hosts of a white label: where they lead, whether they are served with a certificate,
and whether our mail server may send for the domain of the sender.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings

from accounts.custom_domains.txt_records import DnsUnavailable, look_up_addresses, look_up_alias, look_up_texts
from accounts.host_names import normalize_host
from accounts.security.outbound import NotFetched, fetch_outbound
from accounts.white_label.host_proof import PROOF_PATH, build_proof
from accounts.white_label.models import MAX_FOUND, FindingState, FindingSubject

NO_RECORD = "There is no such record."
TIMEOUT, MAX_BYTES = 3.0, 10_000  # seconds for a response, and bytes of it


@dataclass(frozen=True)
class Finding:
    """What was found of a subject; `found` is what is there, or a sentence about why nothing is."""

    subject: FindingSubject
    state: FindingState
    found: str = ""


def get_target() -> str:
    """Return the name that CNAME records of accounts' hosts lead to."""
    return normalize_host(settings.CUSTOM_HOST_TARGET) or normalize_host(settings.BASE_URL)


def check_host(host: str) -> list[Finding]:
    """Look where a host leads and whether it is served. One behind another network leads elsewhere, but is served."""
    route, served = _look(FindingSubject.ROUTE, partial(check_route, host)), check_served(host)
    if served.state == FindingState.GOOD and route.state == FindingState.DIFFERENT:
        route = Finding(FindingSubject.ROUTE, FindingState.GOOD, f"{route.found}, which leads here")
    return [route, served]


def check_sender(domain: str) -> list[Finding]:
    """Look whether the mail server may send for a domain."""
    checks = {
        FindingSubject.SPF: check_spf, FindingSubject.DKIM: check_dkim, FindingSubject.DMARC: check_dmarc,
    }  # fmt: skip
    return [_look(subject, partial(check, domain)) for subject, check in checks.items()]


def _look(subject: FindingSubject, check: Callable[[], Finding]) -> Finding:
    try:
        finding = check()
    except DnsUnavailable as error:
        finding = Finding(subject, FindingState.UNKNOWN, str(error))
    return Finding(subject, finding.state, finding.found[:MAX_FOUND])


def check_route(host: str) -> Finding:
    """Compare the CNAME record of a host, else its addresses, with the target's. Raises DnsUnavailable."""
    target, alias = get_target(), look_up_alias(host)
    addresses = look_up_addresses(host)
    found = f"CNAME {alias}" if alias else ", ".join(sorted(addresses))
    if alias == target or (addresses and addresses & look_up_addresses(target)):
        return Finding(FindingSubject.ROUTE, FindingState.GOOD, found)
    if not found:
        return Finding(FindingSubject.ROUTE, FindingState.MISSING, NO_RECORD)
    return Finding(FindingSubject.ROUTE, FindingState.DIFFERENT, found)


def check_served(host: str) -> Finding:
    """Ask the host, over https if this installation has it, for what only this installation answers."""
    base = urlsplit(settings.BASE_URL)
    address = f"{base.scheme}://{host}" + (f":{base.port}" if base.port else "")
    try:
        answer = fetch_outbound(f"{address}{PROOF_PATH}", follow=False, timeout=TIMEOUT, max_bytes=MAX_BYTES)
    except NotFetched as error:
        return Finding(FindingSubject.SERVED, FindingState.MISSING, str(error)[:MAX_FOUND])
    if answer.status == 200 and answer.body.strip() == build_proof(host).encode():
        expires = f" The certificate is valid until {answer.tls_expires:%Y-%m-%d}." if answer.tls_expires else ""
        return Finding(FindingSubject.SERVED, FindingState.GOOD, f"It answers by {base.scheme}.{expires}")
    sentence = f"Another server answers there, with status {answer.status}."
    return Finding(FindingSubject.SERVED, FindingState.DIFFERENT, sentence)


def check_spf(domain: str) -> Finding:
    """Look for the mechanisms of our mail server in the SPF record. Raises DnsUnavailable."""
    records = [text for text in look_up_texts(domain) if text.lower().split(" ")[0] == "v=spf1"]
    if not records:
        return Finding(FindingSubject.SPF, FindingState.MISSING, NO_RECORD)
    has_ours = set(settings.MAIL_SPF.lower().split()) <= set(records[0].lower().split())
    is_good = has_ours and len(records) == 1  # with two of them, mail servers ignore both
    return Finding(FindingSubject.SPF, FindingState.GOOD if is_good else FindingState.DIFFERENT, "; ".join(records))


def check_dkim(domain: str) -> Finding:
    """Look whether the selector of our mail server's key leads to that key. Raises DnsUnavailable."""
    if settings.MAIL_DKIM is None:
        return Finding(FindingSubject.DKIM, FindingState.UNKNOWN, "Ask who runs the mail server for its selector.")
    selector, target = settings.MAIL_DKIM
    name = f"{selector}._domainkey.{domain}"
    alias = look_up_alias(name)
    texts = look_up_texts(name)
    found = f"CNAME {alias}" if alias else "; ".join(texts)
    if alias == target or (texts and texts == look_up_texts(target)):
        return Finding(FindingSubject.DKIM, FindingState.GOOD, found)
    state = FindingState.DIFFERENT if found else FindingState.MISSING
    return Finding(FindingSubject.DKIM, state, found or NO_RECORD)


def check_dmarc(domain: str) -> Finding:
    """Look for a DMARC record, without which many mail servers trust a domain less. Raises DnsUnavailable."""
    records = [text for text in look_up_texts(f"_dmarc.{domain}") if text.upper().startswith("V=DMARC1")]
    if not records:
        return Finding(FindingSubject.DMARC, FindingState.MISSING, NO_RECORD)
    return Finding(FindingSubject.DMARC, FindingState.GOOD, records[0])
