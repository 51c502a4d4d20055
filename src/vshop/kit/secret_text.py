"""Finds secrets in text, whatever the text is: JSON (also inside JSON), Python's repr, a form, a URL, headers, prose."""

import functools
import re
from collections.abc import Callable

REDACTED = "[REDACTED]"

# What a name ends in that says its value is secret: access_token, clientSecret, X-Api-Key, aws_secret_access_key, Set-Cookie
_NAME = (
    r"(?:token|secret|password|passwd|passphrase|pwd|api[_-]?key|(?:access|private|secret)[_-]?key"
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

# One of these stands, in lower case, in every text with a secret: to look for them costs a hundredth of the patterns.
_SUSPECT = (
    *("token", "secret", "passw", "passphrase", "pwd", "key", "assertion", "authorization", "cookie"),
    *("bearer", "basic", "-----begin", "eyj", "://"),
)
_NAME_BEGINS = ("token", "secret", "passw", "passphrase", "pwd", "api", "access", "private", "client", "authorization", "cookie")
_LOOKALIKES = str.maketrans(
    "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}\N{LATIN SMALL LETTER DOTLESS I}\N{LATIN SMALL LETTER LONG S}\N{KELVIN SIGN}", "iisk"
)
"""What `re` takes for one of these letters when it ignores case, and `lower` does not."""


def _masked(found: re.Match[str]) -> str:
    """Put the mark in place of a value, in quotes as the value had them, or as its name has them."""
    quote = f"{found['open']}{found['quote']}" if found["bare"] is None else f"{found['level'] or ''}{found['mark'] or ''}"
    return f"{found['kept']}{quote}{REDACTED}" + (quote if found["bare"] else "")


# The words, in lower case, with which each pattern's findings begin; the pattern; what takes their place.
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
    # a header as it stands in a message
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
)
_SECRET_NAME = re.compile(rf".*{_NAME}", re.IGNORECASE | re.DOTALL)


def redact(text: str) -> str:
    """Return the text with every secret replaced by ``[REDACTED]``."""
    lower = _lower(text)
    for word in _SUSPECT:
        if word in lower:
            break
    else:
        return text  # as nearly every text
    for begins, pattern, replacement in _PATTERNS:
        cleaned = _replace(text, _places(lower, begins), pattern, replacement)
        if cleaned is not text:
            text, lower = cleaned, _lower(cleaned)
    return text


def _lower(text: str) -> str:
    """Return it in lower case, letter for letter: what stands at a place there, stands at that place here."""
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
    """Do as ``pattern.sub`` does, but look at these places only: it would try the pattern at every letter."""
    done, pieces = 0, []
    for place in places:
        found = pattern.match(text, place) if place >= done else None
        if found:
            pieces += [text[done:place], replacement(found)]
            done = found.end()
    return "".join([*pieces, text[done:]]) if pieces else text


@functools.lru_cache(maxsize=1024)  # the names of attributes are few, and looked at for every span
def is_secret_name(name: str) -> bool:
    """Tell whether a field, header or attribute of this name holds a secret."""
    return _SECRET_NAME.fullmatch(name) is not None
