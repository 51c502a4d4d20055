"""Finds secrets in any text: JSON (also nested in JSON), Python's repr, a form, a URL, headers, prose."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

REDACTED = "[REDACTED]"

# The ends of names whose values are secret: access_token, clientSecret, X-Api-Key, aws_secret_access_key, Set-Cookie
_NAME = (
    r"(?:token|secret|password|passwd|passphrase|pwd|api[_-]?key|(?:access|private|secret)[_-]?key"
    r"|client[_-]assertion|authorization|cookies?)"
)
_HEADER = r"(?:authorization|cookie)"
_WS = r"(?:\s|\\+[nrt])*"  # also escaped, as in JSON nested in JSON
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

# Fast pre-filter: any text that holds a secret contains one of these substrings in lower case. Checking them is about 100 times
# cheaper than the regular expressions.
_SUSPECT = (
    *("token", "secret", "passw", "passphrase", "pwd", "key", "assertion", "authorization", "cookie"),
    *("bearer", "basic", "-----begin", "eyj", "://"),
)
_NAME_BEGINS = ("token", "secret", "passw", "passphrase", "pwd", "api", "access", "private", "client", "authorization", "cookie")
_LOOKALIKES = str.maketrans(
    "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}\N{LATIN SMALL LETTER DOTLESS I}\N{LATIN SMALL LETTER LONG S}\N{KELVIN SIGN}", "iisk"
)
"""Letters that `re` equates with ASCII letters when it ignores case, unlike `lower`."""


def _masked(found: re.Match[str]) -> str:
    quote = f"{found['open']}{found['quote']}" if found["bare"] is None else f"{found['level'] or ''}{found['mark'] or ''}"
    return f"{found['kept']}{quote}{REDACTED}" + (quote if found["bare"] else "")


# The lower-case words with which a match starts, the pattern, and the replacement.
_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        ("-----begin",),
        re.compile(r"-----BEGIN[ \w]*PRIVATE[ ]KEY-----.*?(?:-----END[ \w]*-----|\Z)", re.VERBOSE | re.DOTALL),
        lambda _: REDACTED,
    ),
    # a JSON Web Token (RFC 7519), whole or cut off
    (("eyj",), re.compile(r"eyJ[\w-]{8,}(?:(?:\.|%2[Ee])[\w-]*)*"), lambda _: REDACTED),
    # "name": "value", 'name': 'value', ("header", "value"): the value's opening quote stays, and so does its closing one
    (
        _NAME_BEGINS,
        re.compile(
            rf"""(?P<kept>(?:{_NAME}(?P<level>\\*)(?P<mark>["']){_WS}:|{_HEADER}["']{_WS},){_WS})
            (?:{_QUOTED}|(?P<bare>{_BOX}|{_SCALAR}))""",
            _FLAGS,
        ),
        _masked,
    ),
    # a part of a multipart form (RFC 7578)
    (
        ("name=",),
        re.compile(
            rf"""(name=(?i:\\*["']?[\w.-]*{_NAME}\\*["'])(?:(?!{_NEWLINE}{_NEWLINE})[^"']){{0,300}}{_NEWLINE}{_NEWLINE})
            (?:(?!{_NEWLINE}--).)+""",
            re.VERBOSE | re.DOTALL,
        ),
        lambda found: f"{found[1]}{REDACTED}",
    ),
    # a header inside a message
    (
        ("authorization", "cookie"),
        re.compile(rf"""({_HEADER}[ ]*:[ ]*)(?!["'\s])(?:=\\*["'][^"'\\\r\n]*\\*["']|[^\r\n"'])+""", _FLAGS),
        lambda found: f"{found[1]}{REDACTED}",
    ),
    # credentials of an Authorization header (RFC 9110, 11.4): prose has neither digits nor capitals after a scheme in lower case
    (
        ("bearer", "basic"),
        re.compile(r"\b(Bearer|Basic|(?i:bearer|basic)(?=[\s+%]+[\w.~+/%-]*[\dA-Z=]))((?:\s|\+|%20)+)[\w.~+/=%-]{8,}"),
        lambda found: f"{found[1]}{found[2]}{REDACTED}",
    ),
    # name=value in a query, a form, a repr; name: value
    (
        _NAME_BEGINS,
        re.compile(
            rf"""(?P<kept>{_NAME}(?:=|%3D|[ ]*:[ ]+))
            (?:{_QUOTED}|(?:bearer[ ]|basic[ ])?(?:(?!%26)[^&\s"'\\]|\\(?!\\*["']))+)""",
            _FLAGS,
        ),
        lambda found: f"{found['kept']}{found['open'] or ''}{found['quote'] or ''}{REDACTED}",
    ),
    # user:password@ in a URL (RFC 3986, 3.2.1)
    (("://",), re.compile(r"""(://)[^/?#\s"'\\]+@"""), lambda found: f"{found[1]}{REDACTED}@"),
    # the same, cut off by a limit on the length of values: what follows the colon is no port
    (("://",), re.compile(r"""(://)[^/?#\s"'\\\[:]+:(?!\d{0,5}\Z)[^/?#\s"'\\]+\Z"""), lambda found: f"{found[1]}{REDACTED}"),
)
_SECRET_NAME = re.compile(rf".*{_NAME}", re.IGNORECASE | re.DOTALL)


def redact(text: str) -> str:
    """Return the text with every secret replaced by ``[REDACTED]``."""
    lower = _lower(text)
    for word in _SUSPECT:
        if word in lower:
            break
    else:
        return text  # the common case
    for begins, pattern, replacement in _PATTERNS:
        cleaned = _replace(text, _places(lower, begins), pattern, replacement)
        if cleaned is not text:
            text, lower = cleaned, _lower(cleaned)
    return text


def _lower(text: str) -> str:
    """Its length is unchanged, so that positions are those of the text."""
    return (text if text.isascii() else text.translate(_LOOKALIKES)).lower()


def _places(lower: str, words: tuple[str, ...]) -> list[int]:
    found = []
    for word in words:
        place = lower.find(word)
        while place >= 0:
            found.append(place)
            place = lower.find(word, place + 1)
    return sorted(found)


def _replace(text: str, places: list[int], pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]) -> str:
    """``pattern.sub`` would try the pattern at every letter."""
    done, pieces = 0, []
    for place in places:
        found = pattern.match(text, place) if place >= done else None
        if found:
            pieces += [text[done:place], replacement(found)]
            done = found.end()
    return "".join([*pieces, text[done:]]) if pieces else text


def redact_value(value: Any) -> Any:
    """Return an attribute's value or a log's body without secrets."""
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, int | float):  # the common case, before the slow checks of abstract classes below
        return value
    if isinstance(value, bytes):
        return redact(value.decode("latin-1")).encode("latin-1")
    if isinstance(value, Mapping):
        return {key: redact_field(key, item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return tuple(redact_value(item) for item in value)
    return value


def redact_field(name: Any, value: Any) -> Any:
    """Return a field's value without secrets; the mark alone if the name is a secret's."""
    named = isinstance(name, str) and not isinstance(value, bool) and value is not None and is_secret_name(name)
    return REDACTED if named else redact_value(value)


@functools.lru_cache(maxsize=1024)  # attribute names are few, and checked for every span
def is_secret_name(name: str) -> bool:
    """Return whether a field, header or attribute of this name holds a secret."""
    return _SECRET_NAME.fullmatch(name) is not None
