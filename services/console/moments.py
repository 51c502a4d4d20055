"""Points in time as people and files write them: RFC 3339 in UTC, to the millisecond."""

from datetime import UTC, datetime


def written(seconds: float) -> str:
    """Write seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def read(text: str) -> float:
    """Read a time back as seconds since the epoch; one without an offset is UTC.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
