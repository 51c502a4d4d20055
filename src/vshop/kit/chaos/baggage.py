"""Names under which a request carries its own incidents. Telemetry must show neither the names nor the ids."""

BAGGAGE_KEY = "shop.chaos"
"""W3C baggage member with the ids, joined by ``+``. Clients send it."""
HEADER = "x-shop-chaos"
"""Header of HTTP requests and Kafka records with the ids, separated by commas. The services add it."""

HEADERS = frozenset({HEADER, f"uberctx-{BAGGAGE_KEY}"})
"""That header, and Jaeger's propagator's for the baggage member."""


def remove_incidents(baggage: str) -> str:
    """Return a ``baggage`` header's value without ``shop.chaos`` (https://www.w3.org/TR/baggage/#header-content)."""
    members = (member.strip() for member in baggage.split(","))
    return ",".join(member for member in members if member.split("=", 1)[0].strip() != BAGGAGE_KEY)
