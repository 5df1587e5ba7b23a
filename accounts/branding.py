"""White label: on a host of its own, an account's name, logo and colour replace the product's."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from accounts.host_names import is_installation_host, normalize_host
from accounts.models import EXCLUSIVE_PURPOSES, Account, HostClaim, Purpose
from accounts.selectors import find_agency, find_verified_claim, list_verified_claims
from accounts.white_label.accent_colors import derive_colors
from accounts.white_label.hosts import get_sender_domain, is_served_on, list_claimed_hosts, serves_scripts_only

PRODUCT_NAME = "Footfall"
DEFAULT_COLOR = "#4f6bed"
HOST_FIELDS = ("host", "tracking_host")  # of a white label: where its pages are, and its tracking code


@dataclass(frozen=True, kw_only=True)
class Brand:
    """Name and looks of the product in pages and mails. `accent` is `#rrggbb` or "".

    `logo` and `icon` are "" or what pages link to: the path of a file of ours, for the logo also an https URL. `host`
    is where its pages are; it is verified, as is the domain of the sender.
    """

    name: str = PRODUCT_NAME
    logo: str = ""
    icon: str = ""
    accent: str = ""
    host: str = ""
    sender_address: str = ""  # "": noreply@ the host
    account_id: int = 0

    @property
    def white_label(self) -> bool:
        """Whether the product's own name must not appear."""
        return bool(self.host)

    @property
    def color(self) -> str:
        """The color of links and bars in mails, which no stylesheet of ours reaches: readable on white."""
        return derive_colors(self.accent).light.accent if self.accent else DEFAULT_COLOR

    @property
    def base_url(self) -> str:
        """The address that links in mails begin with, without a final slash."""
        scheme = urlsplit(settings.BASE_URL).scheme
        return f"{scheme}://{self.host}" if self.host else settings.BASE_URL

    @property
    def mailed_logo(self) -> str:
        """The address of the logo in mails."""
        return f"{self.base_url}{self.logo}" if self.logo.startswith("/") else self.logo

    @property
    def sender(self) -> str:
        """The From address of mails."""
        if not self.host:
            return settings.DEFAULT_FROM_EMAIL
        address = self.sender_address or f"noreply@{self.host}"
        return f"{self.name.translate(HEADER_UNSAFE_CHARACTERS)} <{address}>"


# Words that JavaScript, the browser or another script on the page uses already
RESERVED_SCRIPT_NAMES = frozenset((
    "break", "case", "catch", "class", "const", "continue", "debugger", "default", "delete", "do", "else", "enum",
    "export", "extends", "false", "finally", "for", "function", "if", "import", "in", "instanceof", "new", "null",
    "return", "super", "switch", "this", "throw", "true", "try", "typeof", "var", "void", "while", "with", "yield",
    "let", "static", "await", "async", "of", "undefined", "nan", "infinity", "window", "self", "top", "parent",
    "document", "location", "history", "name", "status", "origin", "event", "external", "screen", "navigator",
    "frames", "length", "closed", "opener", "alert", "confirm", "prompt", "print", "open", "close", "stop", "focus",
    "blur", "fetch", "performance", "crypto", "caches", "scheduler", "clickport",
))  # fmt: skip
HEADER_UNSAFE_CHARACTERS = {ord(char): None for char in '"<>,;:@\\()[]\r\n'}
DEFAULT_BRAND = Brand()


def load_brand(account: Account) -> Brand:
    """Load the brand of an account, on its verified host; a client without one has its agency's. Without either it is
    the product's own."""
    brand = _build_brand(account, account.brand.get("host", ""))
    agency = None if brand.white_label else find_agency(account)
    return brand if agency is None else _build_brand(agency, agency.brand.get("host", ""))


def is_other_host(account: Account, field: str, entered: str) -> bool:
    """Whether what somebody entered for one of HOST_FIELDS ("": none) is another host than the account's."""
    host, stored = entered.strip(), str(account.brand.get(field, ""))
    return (normalize_host(host) or host) != stored


def find_brand_by_host(host: str) -> Brand:
    """Find the brand of the account that has verified this host (with or without port); else the product's own.

    On the host of its scripts a brand whose pages have no verified host is on that host.
    """
    name = normalize_host(host)
    claim = find_verified_claim(name, Purpose.BRAND)
    if claim is None:
        return DEFAULT_BRAND
    account = claim.account
    if name == account.brand.get("tracking_host"):
        return _build_brand(account, account.brand.get("host", ""), or_on=name)
    return _build_brand(account, name)


def find_script_host(account: Account) -> str:
    """Find the host that the account's snippets load the tracker from: of its scripts, else of its pages, else that of
    its agency. "" if none of them is verified."""
    host = _find_own_script_host(account)
    agency = None if host else find_agency(account)
    return host if agency is None else _find_own_script_host(agency)


def _find_own_script_host(account: Account) -> str:
    verified, _ = _list_verified_hosts(account)
    hosts = (account.brand.get("tracking_host", ""), account.brand.get("host", ""))
    return next((host for host in hosts if host in verified), "")


def find_account_by_brand_host(host: str) -> Account | None:
    """Find the account whose pages have its brand on this host (with or without port)."""
    claim = find_verified_claim(normalize_host(host), Purpose.BRAND)
    return claim.account if claim and _build_brand(claim.account, claim.host).white_label else None


def _build_brand(account: Account, host: str, or_on: str = "") -> Brand:
    """Build the brand with its pages on a host, else on `or_on`, which is verified. The product's own brand if the host
    is not verified, not the one that the brand names, or reserved.
    """
    chosen = account.brand
    verified, sender_domains = _list_verified_hosts(account)
    pages = host if host in verified and chosen.get("host") == host else or_on
    if not pages:
        return DEFAULT_BRAND
    return Brand(
        name=chosen.get("name") or account.name,
        logo=_build_path("logo", chosen) or chosen.get("logo", ""),
        icon=_build_path("icon", chosen),
        accent=chosen.get("accent", ""),
        host=pages,
        sender_address=chosen.get("sender", "") if get_sender_domain(chosen) in sender_domains else "",
        account_id=account.pk,
    )


def _list_verified_hosts(account: Account) -> tuple[set[str], set[str]]:
    """List the hosts of the brand that the account has verified, and those that its mails may come from: a verified
    link domain will do for these. Hosts of the installation are in neither.
    """
    named = [host for host in list_claimed_hosts(account.brand) if not is_installation_host(host)]
    if not named:
        return set(), set()
    claims = HostClaim.objects.filter(
        account=account, host__in=named, purpose__in=EXCLUSIVE_PURPOSES, verified__isnull=False
    )
    pairs = list(claims.values_list("host", "purpose"))
    return {host for host, purpose in pairs if purpose == Purpose.BRAND}, {host for host, _ in pairs}


def _build_path(kind: str, chosen: Mapping[str, str]) -> str:
    """Build the path of a file of the brand, with its version; "" if there is none."""
    version = chosen.get(f"{kind}_version", "")
    return f"/brand/{kind}.png?v={version}" if version else ""


def build_tracker_names(claims: Iterable[HostClaim]) -> dict[str, str]:
    """Build, for every white-label host, the name that its tracker's globals begin with: `<name>_site_ids`."""
    return {claim.host: build_script_name(claim.account.brand.get("name") or claim.account.name) for claim in claims}


def list_tracking_hosts(claims: Iterable[HostClaim]) -> frozenset[str]:
    """List the white-label hosts that have a brand's scripts and beacons, but no pages."""
    return frozenset(claim.host for claim in claims if serves_scripts_only(claim.account.brand, claim.host))


def list_brand_claims() -> list[HostClaim]:
    """List the verified claims on the hosts that brands are served on, of all accounts."""
    claims = list_verified_claims(Purpose.BRAND).select_related("account")
    return [
        claim
        for claim in claims
        if is_served_on(claim.account.brand, claim.host) and not is_installation_host(claim.host)
    ]


def build_script_name(name: str) -> str:
    """Build a JavaScript name from a brand's: `Pixel & Co` becomes `pixelco`.

    It has lower-case letters and digits only; "stats" if that leaves nothing, or a name that browsers use already.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    word = "".join(char for char in plain if char.isalnum())[:30]
    return word if word and not word[0].isdigit() and word not in RESERVED_SCRIPT_NAMES else "stats"


def get_request_brand(request: HttpRequest) -> Brand:
    """Return the brand of the request's host, looked up once. Only verified hosts get into links and mails."""
    brand: Brand | None = getattr(request, "host_brand", None)
    if brand is None:
        brand = find_brand_by_host(request.get_host())
        request.host_brand = brand  # type: ignore[attr-defined]
    return brand


def add_brand(request: HttpRequest) -> dict[str, object]:
    """Add `brand` to the context of every template (a context processor)."""
    return {"brand": get_request_brand(request)}
