"""What a provider says about itself at its discovery address, and whether this product can use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from django.core.cache import cache

from accounts.keys import hash_key
from accounts.sso.http import ProvidersBusy, build_session
from accounts.sso.models import SsoConnection, build_redirect_uri

WELL_KNOWN = "/.well-known/openid-configuration"
CACHE_SECONDS = 300
FAILURE_SECONDS = 60  # a provider that does not answer is asked once in this time, however many people try
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
NOT_IN_A_POLICY = frozenset(" ;,'\"\r\n\t")  # characters that would end the host in a Content-Security-Policy
PROBE_CODE = "connection-test"  # no provider has issued it


class DiscoveryError(Exception):
    """The provider cannot be used; the text is a sentence for whoever configures it."""


class DiscoveryBusy(DiscoveryError):
    """The provider was not asked, since too many requests to providers are waiting."""


def is_busy(error: BaseException | None) -> bool:
    """Whether an error, or its cause, means that the provider was not asked."""
    busy = (ProvidersBusy, DiscoveryBusy)
    return isinstance(error, busy) or (error is not None and isinstance(error.__cause__, busy))


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """A provider's endpoints. `auth_methods` are how a client may name itself at the token endpoint; empty: unsaid."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    auth_methods: tuple[str, ...] = ()

    @property
    def login_origin(self) -> str:
        """The origin of the page on which people log in."""
        return get_origin(self.authorization_endpoint)

    @property
    def uses_basic_auth(self) -> bool:
        """Whether the client names itself in a header: where the body is not accepted, since a colon breaks it."""
        return "client_secret_post" not in self.auth_methods and "client_secret_basic" in self.auth_methods


def get_origin(url: str) -> str:
    """Return scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def discover(issuer: str) -> Discovery:
    """Read and check what a provider says about itself; kept for CACHE_SECONDS, and why it failed for FAILURE_SECONDS.

    Raises DiscoveryError, or DiscoveryBusy, which is not kept.
    """
    kept: Discovery | str | None = cache.get(build_cache_key(issuer))
    if isinstance(kept, str):
        raise DiscoveryError(kept)
    if kept is not None:
        return kept
    try:
        return keep_discovery(issuer, read_discovery(issuer))
    except DiscoveryBusy:
        raise
    except DiscoveryError as error:
        cache.set(build_cache_key(issuer), str(error), FAILURE_SECONDS)
        raise


def build_cache_key(issuer: str) -> str:
    """Build the key under which is kept what a provider said."""
    return f"sso-discovery:{hash_key(issuer)}"


def keep_discovery(issuer: str, found: Discovery) -> Discovery:
    """Keep what a provider said, in the place of an earlier failure."""
    cache.set(build_cache_key(issuer), found, CACHE_SECONDS)
    return found


def read_discovery(issuer: str) -> Discovery:
    """Read and check what a provider says about itself. Raises DiscoveryError."""
    document = fetch_document(f"{issuer.rstrip('/')}{WELL_KNOWN}")
    named = document.get("issuer")
    if not isinstance(named, str) or named.rstrip("/") != issuer.rstrip("/"):
        raise DiscoveryError(
            f"The provider there calls itself {str(named)[:200]!r}, not {issuer!r}: enter its own name."
        )
    endpoints = {name: check_endpoint(name, document.get(name)) for name in ENDPOINTS}
    methods = document.get("token_endpoint_auth_methods_supported")
    challenges = document.get("code_challenge_methods_supported")
    if isinstance(challenges, list) and "S256" not in challenges:
        raise DiscoveryError("The provider does not offer PKCE with S256, which is required.")
    auth_methods = tuple(str(method) for method in methods) if isinstance(methods, list) else ()
    return Discovery(issuer=named, auth_methods=auth_methods, **endpoints)


def fetch_document(url: str) -> Mapping[str, object]:
    """Fetch a JSON object. Raises DiscoveryError."""
    try:
        with build_session() as session:
            response = session.get(url, allow_redirects=False)
        if response.status_code != 200:
            raise DiscoveryError(f"{url[:200]} answers with the status {response.status_code}, not 200.")
        document = response.json()
    except requests.JSONDecodeError as error:
        raise DiscoveryError(f"{url[:200]} does not answer with JSON.") from error
    except ProvidersBusy as error:
        raise DiscoveryBusy(str(error)) from error
    except requests.RequestException as error:
        raise DiscoveryError(str(error)) from error
    if not isinstance(document, dict):
        raise DiscoveryError(f"{url[:200]} does not answer with a JSON object.")
    return document


def check_endpoint(name: str, address: object) -> str:
    """Return an endpoint's address. Raises DiscoveryError if it is none."""
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
        is_address = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and NOT_IN_A_POLICY.isdisjoint(parts.netloc)
        )
    except ValueError:
        is_address = False
    if not is_address:
        raise DiscoveryError(f"The provider does not say where its {name} is.")
    return str(address)


def check_connection(connection: SsoConnection) -> Discovery:
    """Check that the provider answers now, has keys, and knows the client with its secret. Raises DiscoveryError."""
    found = keep_discovery(connection.issuer, read_discovery(connection.issuer))
    keys = fetch_document(found.jwks_uri).get("keys")
    if not isinstance(keys, list) or not keys:
        raise DiscoveryError("The provider publishes no keys, so its answers cannot be checked.")
    check_client(connection, found)
    return found


def check_client(connection: SsoConnection, found: Discovery) -> None:
    """Ask the token endpoint with a code that nobody issued: a known client is told so. Raises DiscoveryError."""
    body = {
        "grant_type": "authorization_code", "code": PROBE_CODE, "code_verifier": PROBE_CODE * 3,
        "redirect_uri": build_redirect_uri(connection.account_id),
    }  # fmt: skip
    client = {"client_id": connection.client_id, "client_secret": connection.client_secret}
    auth = requests.auth.HTTPBasicAuth(*client.values()) if found.uses_basic_auth else None
    try:
        with build_session() as session:
            response = session.post(found.token_endpoint, data=body if auth else {**body, **client}, auth=auth)
        answer = response.json()
    except requests.RequestException as error:
        raise DiscoveryError(f"The token endpoint could not be asked: {error}") from error
    word = answer.get("error") if isinstance(answer, dict) else None
    if word in ("invalid_client", "unauthorized_client"):
        raise DiscoveryError(f"The provider does not accept the client id with this secret ({word}).")
