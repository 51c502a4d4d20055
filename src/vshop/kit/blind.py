"""Keeps the names of incidents out of telemetry: whoever looks for a fault must not read its name off a header."""

INCIDENT_MEMBER = "shop.chaos"


def without_incidents(baggage: str) -> str:
    """Return a W3C ``baggage`` header's value without the member that switches incidents on; empty when nothing else is in it.

    https://www.w3.org/TR/baggage/#header-content
    """
    members = (member.strip() for member in baggage.split(","))
    return ",".join(member for member in members if member.split("=", 1)[0].strip() != INCIDENT_MEMBER)
