"""Builds what signs callers in."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from app.config import Settings
from app.core.database import Database
from app.core.pagination import CursorSigner
from app.core.resources import Afterwork
from app.core.signing_secret import SigningSecret
from app.modules.auth.authenticator import Authenticator
from app.modules.auth.key_service import KeyService
from app.modules.auth.provider_keys import ProviderKeys
from app.modules.auth.tokens import ProviderTokens, SecretTokens, Tokens

log = structlog.get_logger()


@dataclass(frozen=True)
class AuthServices:
    """The module's services, built once."""

    authenticator: Authenticator
    keys: KeyService
    provider_keys: ProviderKeys | None

    async def close(self) -> None:
        """Stop asking the provider."""
        if self.provider_keys is not None:
            await self.provider_keys.close()


def build_auth_services(
    settings: Settings, database: Database, secret: SigningSecret, afterwork: Afterwork
) -> AuthServices:
    """API keys always; tokens by the secret or by the provider's keys, whichever is set."""
    auth = settings.auth
    keys = KeyService(database, CursorSigner(secret), afterwork)
    provider_keys = ProviderKeys(auth.jwks_url, auth) if auth.enabled and auth.jwks_url else None
    if provider_keys is not None and auth.audience is None:
        log.warning("auth_audience_not_set", detail="every token of the provider signs in, for whichever app it is")
    tokens: Tokens | None = None
    if auth.enabled:
        tokens = SecretTokens(auth) if provider_keys is None else ProviderTokens(auth, provider_keys)
    return AuthServices(Authenticator(tokens, keys), keys, provider_keys)
