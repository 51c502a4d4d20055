"""The exercises of the workshop (docs/workshop), by number: whoever does one asks for the number and is told no name."""

EXERCISES = (
    "auth-token-expired",
    "stock-put-missing-key",
    "stock-slow-write",
    "pricing-division-by-zero",
    "stock-consumer-stalled",
    "stock-sold-out",
    "auth-retry-succeeds",
    "orders-context-lost",
)
"""The first is number 1; after them comes one that is picked by chance."""
