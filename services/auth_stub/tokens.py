"""Issues and validates access tokens: JSON Web Tokens (RFC 7519) signed with RS256."""

import contextlib
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from vshop.kit.chaos.switches import NO_CHAOS, Switches
from vshop.kit.settings import Settings, SettingsError


class InvalidTokenError(Exception):
    """The message is worded as Auth0's."""


class Tokens:
    """Issues and validates tokens with one signing key."""

    def __init__(self, settings: Settings, chaos: Switches = NO_CHAOS) -> None:
        self._chaos = chaos
        self.issuer = settings.token_issuer
        self.audience = settings.token_audience
        self.lifetime_s = settings.token_lifetime_s
        self._key = load_signing_key(settings.token_key)
        self._public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        # The key id is the key's thumbprint (RFC 7638), so that it changes with the key.
        canonical = json.dumps({name: self._public[name] for name in ("e", "kty", "n")}, separators=(",", ":"))
        self._kid = hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def issue(self, subject: str) -> str:
        """Return a token for a user id."""
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
        """Check signature, algorithm, issuer, audience and lifetime; return the user id. Raises InvalidTokenError."""
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


def load_signing_key(file: str) -> rsa.RSAPrivateKey:
    """Read the RSA key from a PEM file, so that tokens stay valid after a restart and for every replica. Raises SettingsError.

    A missing file is created, readable by its owner only. Without a file, each start generates a key.
    """
    if not file:
        return _generate_key()
    path = Path(file)
    try:
        if not path.exists():
            _store_key(_generate_key(), path)
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:  # TypeError: the key is encrypted
        raise SettingsError(
            f"SHOP_TOKEN_KEY: {error}. Name a file that this process can read or create, or leave it empty."
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SettingsError(f"SHOP_TOKEN_KEY: {file} holds a {type(key).__name__}, not an RSA key.")
    return key


def _generate_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _store_key(key: rsa.RSAPrivateKey, path: Path) -> None:
    """If another replica was faster, its key stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(name)
    finally:
        Path(name).unlink(missing_ok=True)
