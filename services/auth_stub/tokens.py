"""Issues and validates access tokens: JSON Web Tokens (RFC 7519) signed with RS256."""

import hashlib
import json
import time
from typing import Any

import jwt

from auth_stub.signing_key import signing_key
from vshop.kit.chaos import NO_CHAOS, Switches
from vshop.kit.settings import Settings


class InvalidTokenError(Exception):
    """The token is not accepted; the text is what Auth0's API would say."""


class Tokens:
    """One signing key and the rules by which its tokens are made and accepted."""

    def __init__(self, settings: Settings, chaos: Switches = NO_CHAOS) -> None:
        """Make the key, or read it.

        Args:
            settings: ``token_key``, ``token_issuer``, ``token_audience`` and ``token_lifetime_s`` are read.
            chaos: asked when a token is issued.
        """
        self._chaos = chaos
        self.issuer = settings.token_issuer
        self.audience = settings.token_audience
        self.lifetime_s = settings.token_lifetime_s
        self._key = signing_key(settings.token_key)
        self._public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        # the key's thumbprint (RFC 7638), so that another key has another name
        canonical = json.dumps({name: self._public[name] for name in ("e", "kty", "n")}, separators=(",", ":"))
        self._kid = hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def issue(self, subject: str) -> str:
        """Return a signed access token for a user id, valid from now for ``lifetime_s`` seconds."""
        now = int(time.time())
        expires = now - 60 if self._chaos.on("auth-token-expired") else now + self.lifetime_s
        claims = {
            "iss": self.issuer,
            "sub": subject,
            "aud": self.audience,
            "iat": now,
            "exp": expires,
            "scope": "read:current_user",
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._kid})

    def validate(self, token: str) -> str:
        """Check a token's signature, algorithm, issuer, audience and lifetime.

        Returns:
            The user id in ``sub``.

        Raises:
            InvalidTokenError: with Auth0's words for an expired token, or what is wrong with it otherwise.
        """
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=["RS256"],  # neither "none" nor HS256 with the public key as its secret
                audience=self.audience,
                issuer=self.issuer,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidTokenError("Expired token received for JSON Web Token validation") from error
        except jwt.InvalidTokenError as error:
            raise InvalidTokenError(f"Invalid token received for JSON Web Token validation: {error}") from error
        return str(claims["sub"])

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key Set (RFC 7517)."""
        return {"keys": [{**self._public, "kid": self._kid, "use": "sig", "alg": "RS256"}]}
