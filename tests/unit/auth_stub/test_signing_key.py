"""A key that is kept holds for the next process and for every replica."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from auth_stub.signing_key import signing_key
from auth_stub.tokens import InvalidTokenError, Tokens
from vshop.kit.settings import Settings, SettingsError


def test_tokens_outlive_a_restart_with_a_kept_key(tmp_path):
    """And another replica's are accepted as well."""
    settings = Settings(token_key=str(tmp_path / "keys" / "key.pem"))
    token = Tokens(settings).issue("ada")

    assert Tokens(settings).validate(token) == "ada"


def test_without_a_file_they_do_not():
    """Each start has a key of its own."""
    token = Tokens(Settings()).issue("ada")

    with pytest.raises(InvalidTokenError):
        Tokens(Settings()).validate(token)


def test_a_kept_key_is_its_owners_alone(tmp_path):
    """And nothing else is left beside it."""
    signing_key(str(tmp_path / "key.pem"))

    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("key.pem", 0o600)]


def test_a_file_that_holds_no_key_is_named(tmp_path):
    """Rather than overwritten."""
    file = tmp_path / "key.pem"
    file.write_text("-----BEGIN NONSENSE-----")

    with pytest.raises(SettingsError, match=r"SHOP_TOKEN_KEY: .*PEM"):
        signing_key(str(file))
    assert file.read_text() == "-----BEGIN NONSENSE-----"


@pytest.mark.parametrize("password", [None, b"secret"])
def test_a_key_of_another_kind_is_refused(tmp_path, password):
    """One for another algorithm, and one that asks for a password."""
    file = tmp_path / "key.pem"
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    file.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))

    with pytest.raises(SettingsError, match="SHOP_TOKEN_KEY"):
        signing_key(str(file))


def test_a_place_where_no_key_can_be_is_named(tmp_path):
    """As on a volume that belongs to somebody else."""
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match=r"SHOP_TOKEN_KEY: .*Name a file"):
        signing_key(str(tmp_path / "file" / "key.pem"))
