"""White label: on a host of its own, an account's name, logo and colour replace the product's."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from accounts.host_names import is_installation_host, normalize_host
from accounts.models import Account, Purpose
from accounts.selectors import find_verified_claim, has_verified, list_verified_claims

PRODUCT_NAME = "Footfall"
DEFAULT_COLOR = "#4f6bed"


@dataclass(frozen=True)
class Brand:
    """Name and looks of the product in pages and mails. `accent` is `#rrggbb` or "", `logo` an https URL or ""."""

    name: str = PRODUCT_NAME
    logo: str = ""
    accent: str = ""
    host: str = ""

    @property
    def white_label(self) -> bool:
        """Whether the product's own name must not appear."""
        return bool(self.host)

    @property
    def color(self) -> str:
        """The color of links and bars in mails, which no stylesheet of ours reaches."""
        return self.accent or DEFAULT_COLOR

    @property
    def base_url(self) -> str:
        """The address that links in mails begin with, without a final slash."""
        scheme = urlsplit(settings.BASE_URL).scheme
        return f"{scheme}://{self.host}" if self.host else settings.BASE_URL

    @property
    def sender(self) -> str:
        """The From address of mails."""
        if not self.host:
            return settings.DEFAULT_FROM_EMAIL
        return f"{self.name.translate(HEADER_UNSAFE_CHARACTERS)} <noreply@{self.host}>"


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
    """Load the brand of an account; the product's own until the account has verified the brand's host."""
    host = account.brand.get("host", "")
    return _build_brand(account, host) if has_verified(account, host, Purpose.BRAND) else DEFAULT_BRAND


def is_other_host(account: Account, entered: str) -> bool:
    """Whether what somebody entered as the host of the white label ("": none) is another one than the account's."""
    host, stored = entered.strip(), str(account.brand.get("host", ""))
    return (normalize_host(host) or host) != stored


def find_brand_by_host(host: str) -> Brand:
    """Find the brand of the account that has verified this host (with or without port); else the product's own."""
    claim = find_verified_claim(normalize_host(host), Purpose.BRAND)
    return _build_brand(claim.account, claim.host) if claim else DEFAULT_BRAND


def find_account_by_brand_host(host: str) -> Account | None:
    """Find the account whose pages have its brand on this host (with or without port)."""
    claim = find_verified_claim(normalize_host(host), Purpose.BRAND)
    return claim.account if claim and _build_brand(claim.account, claim.host).white_label else None


def _build_brand(account: Account, host: str) -> Brand:
    """Build the brand on a verified host; the product's own if the brand names another host, or a reserved one."""
    chosen = account.brand
    if chosen.get("host") != host or is_installation_host(host):
        return DEFAULT_BRAND
    return Brand(
        name=chosen.get("name") or account.name, logo=chosen.get("logo", ""), accent=chosen.get("accent", ""), host=host
    )


def build_tracker_names() -> dict[str, str]:
    """Build, for every white-label host, the name that its tracker's globals begin with: `<name>_site_ids`."""
    claims = list_verified_claims(Purpose.BRAND).select_related("account")
    brands = [_build_brand(claim.account, claim.host) for claim in claims]
    return {brand.host: build_script_name(brand.name) for brand in brands if brand.white_label}


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
