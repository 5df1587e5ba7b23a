"""Host names that serve the installation itself: no account can claim them, and they are never served as anybody's.

They are the host of BASE_URL, LINK_DOMAIN, every CLICKMETER_HOSTS, every name that begins with `apiv2.`, and all names
below these. `www.` before one of them, or a `www.` taken away, makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from django.conf import settings

from accounts.host_names import host_name

MORE: list[Callable[[str], bool]] = []


def register_reserved_hosts(is_reserved: Callable[[str], bool]) -> None:
    """Let a higher app reserve more hosts, which no setting names; called from `config.registrations`."""
    MORE.append(is_reserved)


def is_reserved_host(host: str) -> bool:
    """Whether no account may claim `host` (in any spelling). May ask the database."""
    name = host_name(host)
    return is_installation_host(name) or any(is_reserved(name) for is_reserved in MORE)


def is_installation_host(name: str) -> bool:
    """Whether the settings make this name (in its one form) the installation's own. Reads no database."""
    return _below(name, str(settings.BASE_URL), str(settings.LINK_DOMAIN), tuple(settings.CLICKMETER_HOSTS))


def is_dashboard_host(name: str) -> bool:
    """Whether `name` (in its one form) is the host of BASE_URL."""
    return bool(name) and name == host_name(settings.BASE_URL)


def is_api_host(name: str) -> bool:
    """Whether the root of this host (in its one form) is the link API's."""
    return name.startswith("apiv2.") or name in _names(tuple(settings.CLICKMETER_HOSTS))


@lru_cache(maxsize=16)
def _names(hosts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for host in hosts if (name := host_name(host)))


@lru_cache(maxsize=10_000)
def _below(name: str, base_url: str, link_domain: str, api_hosts: tuple[str, ...]) -> bool:
    roots = {root.removeprefix("www.") for root in _names((base_url, link_domain, *api_hosts))}
    if "apiv2" in name.split(".")[:-1]:
        return True
    return any(name == root or name.endswith(f".{root}") for root in roots)
