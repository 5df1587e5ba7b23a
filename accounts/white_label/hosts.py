"""The hosts that a white label names: of its pages, of its scripts and beacons, and the domain of its sender."""

from __future__ import annotations

from collections.abc import Mapping

from accounts.models import Account, HostClaim, Purpose

MAX_CHECKED_HOSTS = 10  # of one account at once


def list_claimed_hosts(brand: Mapping[str, str]) -> dict[str, str]:
    """List the hosts that a white label claims, each with the value of the white label that names it.

    One that several values name is listed with the last of `sender`, `tracking_host` and `host`.
    """
    named = {
        "sender": get_sender_domain(brand),
        "tracking_host": brand.get("tracking_host", ""),
        "host": brand.get("host", ""),
    }
    return {host: field for field, host in named.items() if host}


def get_sender_domain(brand: Mapping[str, str]) -> str:
    """Return the domain of the address that mails are sent from; "" for the default one."""
    return brand.get("sender", "").rpartition("@")[2]


def is_served_on(brand: Mapping[str, str], host: str) -> bool:
    """Whether a host is one of the brand's pages or scripts, not only the domain of its sender."""
    return bool(host) and host in (brand.get("host"), brand.get("tracking_host"))


def serves_scripts_only(brand: Mapping[str, str], host: str) -> bool:
    """Whether the brand has scripts and beacons on this host, but no pages."""
    return bool(host) and host == brand.get("tracking_host") and host != brand.get("host")


def list_served_claims(account: Account) -> list[HostClaim]:
    """List the verified claims on hosts that we serve for the account: the white label's, then those of links."""
    claims = account.host_claims.filter(verified__isnull=False).order_by("pk")
    brand = [claim for claim in claims if claim.purpose == Purpose.BRAND and is_served_on(account.brand, claim.host)]
    links = [claim for claim in claims if claim.purpose == Purpose.LINKS]
    return [*brand, *links][:MAX_CHECKED_HOSTS]
