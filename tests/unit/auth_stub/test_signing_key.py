import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from auth_stub.tokens import InvalidTokenError, Tokens, load_signing_key
from vshop.kit.settings import Settings, SettingsError


def test_tokens_stay_valid_after_a_restart_with_a_stored_key(tmp_path):
    settings = Settings(token_key=str(tmp_path / "keys" / "key.pem"))
    token = Tokens(settings).issue("ada")

    assert Tokens(settings).validate(token) == "ada"


def test_tokens_are_invalid_after_a_restart_without_a_stored_key():
    token = Tokens(Settings()).issue("ada")

    with pytest.raises(InvalidTokenError):
        Tokens(Settings()).validate(token)


def test_only_the_owner_can_read_a_stored_key(tmp_path):
    load_signing_key(str(tmp_path / "key.pem"))

    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("key.pem", 0o600)]


def test_a_file_without_a_key_is_an_error(tmp_path):
    file = tmp_path / "key.pem"
    file.write_text("-----BEGIN NONSENSE-----")

    with pytest.raises(SettingsError, match=r"SHOP_TOKEN_KEY: .*PEM"):
        load_signing_key(str(file))
    assert file.read_text() == "-----BEGIN NONSENSE-----"


@pytest.mark.parametrize("password", [None, b"secret"])
def test_a_key_of_another_kind_is_refused(tmp_path, password):
    file = tmp_path / "key.pem"
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    file.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))

    with pytest.raises(SettingsError, match="SHOP_TOKEN_KEY"):
        load_signing_key(str(file))


def test_a_path_that_cannot_be_created_is_an_error(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match=r"SHOP_TOKEN_KEY: .*Name a file"):
        load_signing_key(str(tmp_path / "file" / "key.pem"))
