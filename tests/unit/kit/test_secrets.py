import base64
import json

import jwt
import pytest

from vshop.kit.telemetry.secrets import is_secret_name, redact

SECRET = "hunter2"
JWT = jwt.encode({"sub": "ada", "exp": 2_000_000_000}, "k" * 32, algorithm="HS256")
AWKWARD = [
    SECRET,
    f'a"{SECRET}',
    f"a'{SECRET}",
    f"a\\{SECRET}",
    f'a\\"{SECRET}',
    f"a'\"{SECRET}",
    f"\\\\{SECRET}\\",
    f"\n{SECRET}",
    f'é"{SECRET}"',
]


def _nested(text, depth):
    for _ in range(depth):
        text = json.dumps({"body": text})
    return text


@pytest.mark.parametrize("depth", range(4))
@pytest.mark.parametrize("value", AWKWARD, ids=ascii)
@pytest.mark.parametrize("indent", [None, 1], ids=["compact", "indented"])
@pytest.mark.parametrize("ascii_only", [True, False], ids=["ascii", "utf-8"])
def test_a_json_field_is_redacted_and_the_rest_stays_json(depth, value, indent, ascii_only):
    document = {"itemId": 1, "password": value, "quantity": 2}
    text = _nested(json.dumps(document, indent=indent, ensure_ascii=ascii_only), depth)

    read = redact(text)
    for _ in range(depth):
        read = json.loads(read)["body"]

    assert json.loads(read) == document | {"password": "[REDACTED]"}


@pytest.mark.parametrize(
    "value", ["1234567", '["hunter2", "b"]', '{"S": "hunter2"}', '{"L": [{"M": {"a": {"S": "hunter2"}}}]}', "-1.5e3"]
)
def test_a_value_of_another_type_is_redacted_whole(value):
    assert json.loads(redact(f'{{"token": {value}, "b": "kept"}}')) == {"token": "[REDACTED]", "b": "kept"}


@pytest.mark.parametrize(
    "name",
    [
        "access_token",
        "refreshToken",
        "TOKEN",
        "client_secret",
        "password",
        "new-password",
        "passwd",
        "api_key",
        "X-Api-Key",
        "apiKey",
        "authorization",
        "Proxy-Authorization",
        "Cookie",
        "set-cookie",
        "aws_secret_access_key",
        "private_key",
        "client_assertion",
        "x-amz-security-token",
        "http.request.header.authorization",
    ],
)
def test_a_value_with_a_secrets_name_is_redacted(name):
    texts = [
        json.dumps({name: SECRET}),
        repr({name: SECRET}),
        repr({name: SECRET.encode()}),
        f"GET /x?a=1&{name}={SECRET}&b=2",
        f"{name}={SECRET}",
        f"call({name}='{SECRET}')",
        f'{name}="a b {SECRET}"',
        f"{name}: {SECRET}",
        f"%3F{name}%3D{SECRET}%26b%3D2",
    ]

    assert [text for text in texts if SECRET in redact(text)] == []
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "text",
    [
        JWT,
        f"GET /users/{JWT}/orders",
        f"x{JWT}y",
        f"Bearer%20{JWT}",
        f"\\n{JWT}",
        f'{{"a":"\\u0022{JWT}"}}',
        f"a={JWT};b",
        JWT.rsplit(".", 1)[0],
        JWT[:-10],
        JWT.replace(".", "%2E"),
        f"{JWT}.{JWT.split('.')[2]}.x",
        f"(JWT: {JWT})",
        f"_{JWT}",
        f"{JWT} and {JWT}",
    ],
    ids=[
        "alone",
        "path",
        "in a word",
        "URL encoded",
        "after an escape",
        "after a code",
        "cookie",
        "unsigned",
        "cut",
        "dots encoded",
        "five parts",
        "prose",
        "after _",
        "two",
    ],
)
def test_a_web_token_is_redacted_anywhere(text):
    claims, signature = JWT.split(".")[1:]

    assert claims not in redact(text)
    assert signature not in redact(text)
    assert signature[:20] not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        f"authorization=Bearer {SECRET}{SECRET} kept",
        f"Authorization: Digest username=x, response={SECRET}\r\nAccept: kept",
        f"Authorization: ApiKey {SECRET}\nkept",
        f"Cookie: a={SECRET}; b={SECRET}\r\nkept",
        f"authorization: Basic {SECRET}",
        f"BEARER {SECRET}{SECRET} kept",
        f"basic {SECRET}{SECRET} kept",
        f"Basic {SECRET}{SECRET}== kept",
        f"bearer+{SECRET}{SECRET}&kept",
        repr([("Authorization", f"ApiKey {SECRET}"), ("Accept", "kept")]),
        f"http://ada:{SECRET}@host/kept",
        f"amqp://ada:p@{SECRET}@host:1/kept",
        f"https://{SECRET}@github.com/kept",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY----- kept",
        f"-----BEGIN PRIVATE KEY-----\\n{SECRET}",
        f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--b\r\nkept',
        f'--b\r\nContent-Disposition: form-data; name="password"\r\nContent-Type: text/plain\r\n\r\na\r\n{SECRET}\r\n--b\r\nkept',
        json.dumps(f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--b\r\nkept'),
        f"grant_type=password&username=kept&password=a%22{SECRET}&audience=x",
        f"Login(username='kept', password='a\"{SECRET}')",
        f"ValueError: bad config {{'password': \"it's {SECRET}\", 'kept': 1}}",
        f'{{"password":"{SECRET}',
        f'{{"password":"{SECRET}\\',
        f"password={SECRET}\\",
    ],
    ids=ascii,
)
def test_credentials_are_redacted_in_every_form(text):
    assert SECRET not in redact(text)
    assert ("kept" in text) == ("kept" in redact(text))


LONG_SECRET = "Hunter2-Zx9Qv7Lm4"
BASIC = base64.b64encode(f"ada:{LONG_SECRET}".encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        f'{{"username": "ada", "password": "{LONG_SECRET}"}}',
        f'body "{{\\"password\\": \\"{LONG_SECRET}\\"}}"',
        f"{{'password': '{LONG_SECRET}'}}",
        f"password={LONG_SECRET}&x=1",
        f"https://ada:{LONG_SECRET}@127.0.0.1:8080/path",
        f"Authorization: Bearer {JWT}",
        f"Authorization: Basic {BASIC}",
        f"('Authorization', 'Bearer {JWT}')",
        f"client_secret: {LONG_SECRET}",
        f'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n{LONG_SECRET}\r\n--x--',
        f"-----BEGIN PRIVATE KEY-----\n{LONG_SECRET}\n-----END PRIVATE KEY-----",
    ],
)
def test_a_secret_is_redacted_wherever_the_text_is_cut_off(text):
    """OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT cuts values before the exporter redacts them."""
    secrets = (LONG_SECRET, JWT.partition(".")[2], BASIC)
    pieces = [secret[start : start + 5] for secret in secrets for start in range(len(secret) - 4)]
    for length in range(1, len(text) + 1):
        redacted = redact(text[:length])
        assert not any(piece in redacted for piece in pieces), redacted


@pytest.mark.parametrize("text", ["http://127.0.0.1:8080", "http://[::1]:8080", "redis://localhost:6379 is up", "http://host/a"])
def test_an_address_without_credentials_is_kept(text):
    assert redact(text) == text
