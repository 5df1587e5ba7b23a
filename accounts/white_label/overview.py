"""The hosts of an account as its white label's page and API show them: what each is for, which records it needs, and
what was found when somebody last looked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from accounts.models import Account, HostClaim, Purpose
from accounts.white_label.host_checks import get_target
from accounts.white_label.hosts import get_sender_domain, list_claimed_hosts
from accounts.white_label.models import FindingState, FindingSubject, HostFinding

PAGES, SCRIPTS, LINKS, MAILS = "Dashboard", "Scripts and beacons", "Links", "Sender of mails"
ALL_ON_ONE = (PAGES, SCRIPTS, LINKS)
NOT_CHECKED = "Not checked yet."
Findings = Mapping[tuple[str, str], HostFinding]


@dataclass(frozen=True, kw_only=True)
class RecordOverview:
    """One record of DNS, or the certificate: what there should be (`type`, `name`, `value`), and what is."""

    label: str
    type: str = ""
    name: str = ""
    value: str = ""
    state: str
    found: str

    @property
    def is_good(self) -> bool:
        """Whether nothing is left to do."""
        return self.state == FindingState.GOOD


@dataclass(frozen=True, kw_only=True)
class HostOverview:
    """One host with what it is for."""

    host: str
    uses: tuple[str, ...]
    claim: HostClaim | None
    records: tuple[RecordOverview, ...]  # without that of the claim

    @property
    def is_good(self) -> bool:
        """Whether it is verified, and all its records are as they should be."""
        return bool(self.claim and self.claim.verified) and all(record.is_good for record in self.records)


def build_overview(account: Account) -> list[HostOverview]:
    """Build the overview of all hosts: the white label's, then those of links."""
    findings = {(row.host, row.subject): row for row in account.host_findings.all()}
    claims = list(account.host_claims.exclude(purpose=Purpose.SITE).order_by("pk"))
    by_host = {claim.host: claim for claim in claims}
    named = list_claimed_hosts(account.brand)
    hosts = [host for field in ("host", "tracking_host", "sender") for host in named if named[host] == field]
    hosts += [claim.host for claim in claims if claim.purpose == Purpose.LINKS and claim.host not in named]
    return [build_host(account, host, by_host.get(host), findings) for host in hosts]


def build_host(account: Account, host: str, claim: HostClaim | None, findings: Findings) -> HostOverview:
    """Build the overview of one host."""
    uses = list_uses(account.brand, host, claim)
    records: list[RecordOverview] = []
    if set(uses) & set(ALL_ON_ONE):
        records += build_route_records(host, findings)
    if MAILS in uses:
        records += build_sender_records(host, findings)
    return HostOverview(host=host, uses=uses, claim=claim, records=tuple(records))


def list_uses(brand: Mapping[str, str], host: str, claim: HostClaim | None) -> tuple[str, ...]:
    """List what a host is for. The host of the pages also has scripts, beacons and links (below `/l/`)."""
    mails = (MAILS,) if host == get_sender_domain(brand) else ()
    if host == brand.get("host"):
        return (*ALL_ON_ONE, *mails)
    if host == brand.get("tracking_host"):
        return (SCRIPTS, *mails)
    return ((LINKS,) if claim is not None and claim.purpose == Purpose.LINKS else ()) + mails


def build_route_records(host: str, findings: Findings) -> list[RecordOverview]:
    """Build the record that leads here, and the state of the certificate."""
    route = build_record(findings, host, FindingSubject.ROUTE, type="CNAME", name=host, value=get_target())
    return [route, build_record(findings, host, FindingSubject.SERVED)]


def build_sender_records(domain: str, findings: Findings) -> list[RecordOverview]:
    """Build the records by which other mail servers know that ours may send for the domain."""
    spf = f"v=spf1 {settings.MAIL_SPF} ~all" if settings.MAIL_SPF else ""
    selector, target = settings.MAIL_DKIM or ("", "")
    key_name = f"{selector}._domainkey.{domain}" if selector else ""
    return [
        build_record(findings, domain, FindingSubject.SPF, type="TXT", name=domain, value=spf),
        build_record(
            findings, domain, FindingSubject.DKIM, type="CNAME" if selector else "", name=key_name, value=target
        ),
        build_record(
            findings, domain, FindingSubject.DMARC, type="TXT", name=f"_dmarc.{domain}", value="v=DMARC1; p=none"
        ),
    ]


def build_record(
    findings: Findings, host: str, subject: FindingSubject, *, type: str = "", name: str = "", value: str = ""
) -> RecordOverview:
    """Build a record with what was found of it."""
    finding = findings.get((host, subject.value))
    state, found = (finding.state, finding.found) if finding else (FindingState.UNKNOWN.value, NOT_CHECKED)
    return RecordOverview(label=str(subject.label), type=type, name=name, value=value, state=state, found=found)
