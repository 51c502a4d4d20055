import re

_DIFFERS = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"[█▏▎▍▌▋▊▉]+"), " "),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<trace id>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\.\d+\b"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s)\b"), "<seconds>"),
    (re.compile(r"[ \t]+"), " "),
)


def normalised(text: str) -> list[str]:
    for pattern, instead in _DIFFERS:
        text = pattern.sub(instead, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def pattern(shown: str) -> re.Pattern[str]:
    """Return a page's output as a pattern; ``…`` matches anything in its line, and alone in a line any lines."""
    lines = [
        "(?:.*\n)*?" if line == "…" else ".*?".join(re.escape(part.strip()) + " ?" for part in re.split(" ?… ?", line)) + "\n"
        for line in normalised(shown)
    ]
    return re.compile("".join(lines))


def matches(shown: str, printed: str) -> bool:
    return bool(pattern(shown).fullmatch("".join(f"{line}\n" for line in normalised(printed))))
