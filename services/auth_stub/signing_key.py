"""The key that signs tokens: of this process alone, or of a file, so that tokens outlive the process and hold for every replica."""

import contextlib
import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from vshop.kit.settings import SettingsError


def signing_key(file: str) -> rsa.RSAPrivateKey:
    """Make a 2048 bit RSA key, or read the one that was made before.

    Args:
        file: where the key is kept, in PEM; made there, for its owner alone, when it is missing. Empty: nowhere.

    Raises:
        SettingsError: the file can neither be read nor made, or holds no RSA key.
    """
    if not file:
        return _make()
    path = Path(file)
    try:
        if not path.exists():
            _keep(_make(), path)
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:  # TypeError: it is encrypted
        raise SettingsError(f"SHOP_TOKEN_KEY: {error}. Name a file that this process may read or make, or none.") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SettingsError(f"SHOP_TOKEN_KEY: {file} holds a {type(key).__name__}, not an RSA key.")
    return key


def _make() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _keep(key: rsa.RSAPrivateKey, path: Path) -> None:
    """Write the key whole or not at all; where another replica was faster, its key stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(name)
    finally:
        Path(name).unlink(missing_ok=True)
