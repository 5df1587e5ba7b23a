"""An account's own provider, as django-allauth finds it: OpenID Connect with PKCE, on the host of BASE_URL only."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.models import SocialApp, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest

from accounts.sso.discovery import Discovery, DiscoveryError, discover
from accounts.sso.models import SLUG_PREFIX, SsoConnection, build_redirect_uri

PROVIDER = "sso"
# What a provider's answer may make the library raise: it comes from a customer's server
BROKEN_ANSWERS = (KeyError, TypeError, ValueError, AttributeError, LookupError)


def build_app(connection: SsoConnection) -> SocialApp:
    """Build allauth's description of a client; it is never stored, so the secret is in our encrypted column only."""
    return SocialApp(
        provider=PROVIDER,
        provider_id=connection.slug,
        name=connection.account.name[:40],
        client_id=connection.client_id,
        secret=connection.client_secret,
        settings={"server_url": connection.issuer},
    )


class SsoOAuth2Adapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """Speaks to the provider, and checks the signature of every ID token."""

    @property
    def did_fetch_access_token(self) -> bool:
        """Always false: allauth leaves out the check of the signature of a token that it fetched itself."""
        return False

    @did_fetch_access_token.setter
    def did_fetch_access_token(self, value: bool) -> None:
        pass

    @property
    def discovery(self) -> Discovery:
        """What the provider says about itself. Raises OAuth2Error."""
        try:
            return discover(self.get_provider().app.settings["server_url"])
        except DiscoveryError as error:
            raise OAuth2Error(str(error)) from error

    @property
    def openid_config(self) -> dict[str, str]:
        """The same, by the names that allauth reads."""
        found = self.discovery
        return {
            "issuer": found.issuer,
            "authorization_endpoint": found.authorization_endpoint,
            "token_endpoint": found.token_endpoint,
            "jwks_uri": found.jwks_uri,
            "userinfo_endpoint": found.userinfo_endpoint,
        }

    @property
    def basic_auth(self) -> bool:
        """Whether the client names itself in a header."""
        return self.discovery.uses_basic_auth

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        """Return the address that is registered at the provider, whatever host the request is for."""
        return build_redirect_uri(int(self.provider_id.removeprefix(SLUG_PREFIX)))

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> object:
        """Read who logged in. Raises OAuth2Error also for answers that break the protocol."""
        if not kwargs["response"].get("id_token"):
            raise OAuth2Error("The provider sent no ID token.")
        try:
            login = super().complete_login(request, app, token, **kwargs)
            data = login.account.extra_data
            if data["userinfo"]["sub"] != data["id_token"]["sub"]:
                raise OAuth2Error("The provider's ID token and user information are of different people.")
        except BROKEN_ANSWERS as error:
            raise OAuth2Error("The provider's answer could not be read.") from error
        return login


class SsoProvider(OpenIDConnectProvider):  # type: ignore[misc]
    """The provider of an account."""

    id = PROVIDER
    pkce_enabled_default = True
    oauth2_adapter_class = SsoOAuth2Adapter

    def serialize(self) -> dict[str, str]:
        """Name the account's provider: several accounts may have the same client id."""
        return {"id": self.app.provider_id, "app.client_id": self.app.client_id}


provider_classes = [SsoProvider]
