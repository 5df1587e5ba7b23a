"""White label: on an account's own host, everything carries that account's name instead of ours."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

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
        return f"{self.name.translate(HEADER_UNSAFE)} <noreply@{self.host.partition(':')[0]}>"


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
    """The brand of an account; ours when it has no host of its own."""
    chosen = account.brand
    if not chosen.get("host"):
        return OURS
    return Brand(
        name=chosen.get("name") or account.name,
        logo=chosen.get("logo", ""),
        accent=chosen.get("accent", ""),
        host=chosen["host"],
    )


def brand_by_host(host: str) -> Brand:
    """The brand whose host (with or without port) this is, else ours."""
    name = host.lower().partition(":")[0]
    names = {host.lower(), name}
    account = Account.objects.filter(brand_host__in=names).exclude(brand_host="").first() if name else None
    return brand_of(account) if account else OURS


def brand_words() -> dict[str, str]:
    """Of every white-labelled host: the word its tracker's globals begin with (`<word>_site_ids`, `<word>.init`).

    It is the brand's name in small letters and digits; where that leaves nothing a script may call it, `stats`.
    """
    rows = Account.objects.exclude(brand_host="").only("name", "brand", "brand_host")
    return {row.brand_host: script_word(brand_of(row).name) for row in rows}


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
