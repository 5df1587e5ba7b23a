"""Host names of the installation itself: accounts can neither claim them nor be served on them.

They are the hosts of BASE_URL, LINK_DOMAIN and CLICKMETER_HOSTS, every name that begins with `apiv2.`, and all
subdomains of these, with or without `www.`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from django.conf import settings

from accounts.host_names import normalize_host

RESERVED_HOST_CHECKS: list[Callable[[str], bool]] = []


def register_reserved_hosts(is_reserved: Callable[[str], bool]) -> None:
    """Register a check by which a higher app reserves further hosts; called from `config.wiring`."""
    RESERVED_HOST_CHECKS.append(is_reserved)


def is_reserved_host(host: str) -> bool:
    """Whether `host` (in any spelling) cannot be claimed. May query the database."""
    name = normalize_host(host)
    return is_installation_host(name) or any(is_reserved(name) for is_reserved in RESERVED_HOST_CHECKS)


def is_installation_host(name: str) -> bool:
    """Whether a normalized name is reserved by the settings. Does not query the database."""
    return _is_reserved_by(name, str(settings.BASE_URL), str(settings.LINK_DOMAIN), tuple(settings.CLICKMETER_HOSTS))


def is_dashboard_host(name: str) -> bool:
    """Whether the normalized `name` is the host of BASE_URL."""
    return bool(name) and name == normalize_host(settings.BASE_URL)


def is_api_host(name: str) -> bool:
    """Whether a normalized host serves the ClickMeter API at its root."""
    return name.startswith("apiv2.") or name in _normalize_hosts(tuple(settings.CLICKMETER_HOSTS))


@lru_cache(maxsize=16)
def _normalize_hosts(hosts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for host in hosts if (name := normalize_host(host)))


@lru_cache(maxsize=10_000)
def _is_reserved_by(name: str, base_url: str, link_domain: str, api_hosts: tuple[str, ...]) -> bool:
    roots = {root.removeprefix("www.") for root in _normalize_hosts((base_url, link_domain, *api_hosts))}
    if "apiv2" in name.split(".")[:-1]:
        return True
    return any(name == root or name.endswith(f".{root}") for root in roots)
