"""White label: on an account's own host, everything carries that account's name instead of ours."""

from __future__ import annotations

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
