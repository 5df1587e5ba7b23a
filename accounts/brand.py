"""White label: on an account's own host, everything carries that account's name instead of ours."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from accounts.custom_domains.models import Purpose
from accounts.custom_domains.reserved import is_installation_host
from accounts.custom_domains.selectors import has_proved, proved_claim, proved_claims
from accounts.host_names import host_name
from accounts.models import Account

PRODUCT = "Footfall"


@dataclass(frozen=True)
class Brand:
    """What pages and mails call the product. `accent` is `#rrggbb` or empty, `logo` an https URL or empty."""

    name: str = PRODUCT
    logo: str = ""
    accent: str = ""
    host: str = ""

    @property
    def white_label(self) -> bool:
        """Whether our own name must not appear."""
        return bool(self.host)

    @property
    def base_url(self) -> str:
        """Where links in mails point, without a final slash."""
        scheme = urlsplit(settings.BASE_URL).scheme
        return f"{scheme}://{self.host}" if self.host else settings.BASE_URL

    @property
    def sender(self) -> str:
        """The address mails come from."""
        if not self.host:
            return settings.DEFAULT_FROM_EMAIL
        return f"{self.name.translate(HEADER_UNSAFE)} <noreply@{self.host}>"


# Words that a script of the page, or the browser itself, already means something by
TAKEN = frozenset((
    "break", "case", "catch", "class", "const", "continue", "debugger", "default", "delete", "do", "else", "enum",
    "export", "extends", "false", "finally", "for", "function", "if", "import", "in", "instanceof", "new", "null",
    "return", "super", "switch", "this", "throw", "true", "try", "typeof", "var", "void", "while", "with", "yield",
    "let", "static", "await", "async", "of", "undefined", "nan", "infinity", "window", "self", "top", "parent",
    "document", "location", "history", "name", "status", "origin", "event", "external", "screen", "navigator",
    "frames", "length", "closed", "opener", "alert", "confirm", "prompt", "print", "open", "close", "stop", "focus",
    "blur", "fetch", "performance", "crypto", "caches", "scheduler", "clickport",
))  # fmt: skip
HEADER_UNSAFE = {ord(char): None for char in '"<>,;:@\\()[]\r\n'}
OURS = Brand()


def brand_of(account: Account) -> Brand:
    """The brand of an account; ours until the account has proved the brand's host."""
    host = account.brand.get("host", "")
    return _brand_on(account, host) if has_proved(account, host, Purpose.BRAND) else OURS


def brand_by_host(host: str) -> Brand:
    """The brand that has proved this host (with or without port), else ours."""
    claim = proved_claim(host_name(host), Purpose.BRAND)
    return _brand_on(claim.account, claim.host) if claim else OURS


def _brand_on(account: Account, host: str) -> Brand:
    """The account's brand on a host it has proved; ours if the brand names another host, or a reserved one."""
    chosen = account.brand
    if chosen.get("host") != host or is_installation_host(host):
        return OURS
    return Brand(
        name=chosen.get("name") or account.name,
        logo=chosen.get("logo", ""),
        accent=chosen.get("accent", ""),
        host=host,
    )


def brand_words() -> dict[str, str]:
    """Of every white-labelled host: the word its tracker's globals begin with (`<word>_site_ids`, `<word>.init`).

    It is the brand's name in small letters and digits; where that leaves nothing a script may call it, `stats`.
    """
    claims = proved_claims(Purpose.BRAND).select_related("account")
    brands = [_brand_on(claim.account, claim.host) for claim in claims]
    return {brand.host: script_word(brand.name) for brand in brands if brand.white_label}


def script_word(name: str) -> str:
    """A name as JavaScript may use it, which no global of the browser has: `Pixel & Co` is `pixelco`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    word = "".join(char for char in plain if char.isalnum())[:30]
    return word if word and not word[0].isdigit() and word not in TAKEN else "stats"


def brand_for(request: HttpRequest) -> Brand:
    """The brand of the request's host, looked up once. Only known hosts get into links and mails."""
    found: Brand | None = getattr(request, "_brand", None)
    if found is None:
        found = brand_by_host(request.get_host())
        request._brand = found  # type: ignore[attr-defined]
    return found


def brand(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `brand` in every template."""
    return {"brand": brand_for(request)}
