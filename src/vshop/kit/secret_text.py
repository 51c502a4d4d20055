"""Finds secrets in text, whatever the text is: JSON (also inside JSON), Python's repr, a form, a URL, headers, prose."""

import functools
import re

REDACTED = "[REDACTED]"

# What a name ends in that says its value is secret: access_token, clientSecret, X-Api-Key, aws_secret_access_key, Set-Cookie
# (the first letters stand in front because `re` looks for one of them faster than for the words)
_NAME = (
    r"(?=[tspac])(?:token|secret|password|passwd|passphrase|pwd|api[_-]?key|(?:access|private|secret)[_-]?key"
    r"|client[_-]assertion|authorization|cookies?)"
)
_HEADER = r"(?:authorization|cookie)"
_WS = r"(?:\s|\\+[nrt])*"  # also as JSON inside JSON writes it
_NEWLINE = r"(?:\r?\n|(?:\\+r)?\\+n)"
# A quoted text opens with `open` backslashes and a quote: none, 1 inside a JSON text, 3 one deeper. With u = open + 1, m
# backslashes and a quote in the value are written as m·u + open backslashes and the quote; the quote ends the value if m is even.
_QUOTED = r"""[bf]?(?P<open>\\*)(?P<quote>["'])(?:
      [^\\"']++
    | \\*+(?!(?P=quote))["']
    | (?!(?P=open)')\\++'
    | \\++(?!["'])
    | (?:(?P=open)\\(?P=open)\\)*(?P=open)\\(?P=open)(?P=quote)
    )*+(?:(?:(?P=open)\\(?P=open)\\)+(?=(?P=open)(?P=quote)))?"""
_BOX = r"[\[{][^\[\]{}]*+[\]}]?"
for _ in range(4):  # deep enough for an attribute as DynamoDB writes it
    _BOX = rf"[\[{{](?:[^\[\]{{}}]++|{_BOX})*+[\]}}]?"
_SCALAR = r"(?!null|true|false|None|True|False)[^\s,;&\\\"'\[\]{}()]++"

_FLAGS = re.VERBOSE | re.IGNORECASE

# What stands, in lower case, in every text in which a pattern finds something: to look for it costs a hundredth of the pattern.
_NAMED = (
    *("token", "secret", "passw", "passphrase", "pwd", "assertion", "authorization", "cookie"),
    *(f"{kind}{mark}key" for kind in ("api", "access", "private") for mark in ("", "_", "-")),
)
_CREDENTIALS = ("bearer", "basic")
_LOOKALIKES = str.maketrans(
    "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}\N{LATIN SMALL LETTER DOTLESS I}\N{LATIN SMALL LETTER LONG S}\N{KELVIN SIGN}", "iisk"
)
"""What `re` takes for one of these letters when it ignores case, and `lower` does not."""


def _masked(found: re.Match[str]) -> str:
    """Put the mark in place of a value, in quotes as the value had them, or as its name has them."""
    quote = f"{found['open']}{found['quote']}" if found["bare"] is None else f"{found['level'] or ''}{found['mark'] or ''}"
    return f"{found['kept']}{quote}{REDACTED}" + (quote if found["bare"] else "")


_PATTERNS = (
    (
        ("-----begin",),
        re.compile(r"-----BEGIN[ \w]*PRIVATE[ ]KEY-----.*?(?:-----END[ \w]*-----|\Z)", re.VERBOSE | re.DOTALL),
        REDACTED,
    ),
    # a JSON Web Token (RFC 7519), whole or cut off
    (("eyj",), re.compile(r"eyJ[\w-]{8,}(?:(?:\.|%2[Ee])[\w-]*)*"), REDACTED),
    # "name": "value", 'name': 'value', ("header", "value"): the value's opening quote stays, and so does its closing one
    (
        _NAMED,
        re.compile(
            rf"""(?P<kept>(?:{_NAME}(?P<level>\\*)(?P<mark>["']){_WS}:|{_HEADER}["']{_WS},){_WS})
            (?:{_QUOTED}|(?P<bare>{_BOX}|{_SCALAR}))""",
            _FLAGS,
        ),
        _masked,
    ),
    # a part of a multipart form (RFC 7578)
    (
        _NAMED,
        re.compile(
            rf"""(name=(?i:\\*["']?[\w.-]*{_NAME}\\*["'])(?:(?!{_NEWLINE}{_NEWLINE})[^"']){{0,300}}{_NEWLINE}{_NEWLINE})
            (?:(?!{_NEWLINE}--).)+""",
            re.VERBOSE | re.DOTALL,
        ),
        rf"\g<1>{REDACTED}",
    ),
    # a header as it stands in a message
    (
        ("authorization", "cookie"),
        re.compile(rf"""({_HEADER}[ ]*:[ ]*)(?!["'\s])(?:=\\*["'][^"'\\\r\n]*\\*["']|[^\r\n"'])+""", _FLAGS),
        rf"\g<1>{REDACTED}",
    ),
    # credentials of an Authorization header (RFC 9110, 11.4): prose has neither digits nor capitals after a scheme in lower case
    (
        _CREDENTIALS,
        re.compile(r"\b(Bearer|Basic|(?i:bearer|basic)(?=[\s+%]+[\w.~+/%-]*[\dA-Z=]))((?:\s|\+|%20)+)[\w.~+/=%-]{8,}"),
        rf"\g<1>\g<2>{REDACTED}",
    ),
    # name=value in a query, a form, a repr; name: value
    (
        _NAMED,
        re.compile(
            rf"""(?P<kept>{_NAME}(?:=|%3D|[ ]*:[ ]+))
            (?:{_QUOTED}|(?:bearer[ ]|basic[ ])?(?:(?!%26)[^&\s"'\\]|\\(?!\\*["']))+)""",
            _FLAGS,
        ),
        lambda found: f"{found['kept']}{found['open'] or ''}{found['quote'] or ''}{REDACTED}",
    ),
    # user:password@ in a URL (RFC 3986, 3.2.1)
    (("://",), re.compile(r"""(://)[^/?#\s"'\\]+@"""), rf"\g<1>{REDACTED}@"),
)
_SUSPECT = tuple({word: None for words, _, _ in _PATTERNS for word in words})
_SECRET_NAME = re.compile(rf".*{_NAME}", re.IGNORECASE | re.DOTALL)


def redact(text: str) -> str:
    """Return the text with every secret replaced by ``[REDACTED]``."""
    lower = (text if text.isascii() else text.translate(_LOOKALIKES)).lower()
    if not _holds(lower, _SUSPECT):  # nearly every text
        return text
    for words, pattern, replacement in _PATTERNS:
        if _holds(lower, words):
            text = pattern.sub(replacement, text)
    return text


def _holds(text: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110 - `any` would make a generator for every text
        if word in text:
            return True
    return False


@functools.lru_cache(maxsize=1024)  # the names of attributes are few, and looked at for every span
def is_secret_name(name: str) -> bool:
    """Tell whether a field, header or attribute of this name holds a secret."""
    return _SECRET_NAME.fullmatch(name) is not None
