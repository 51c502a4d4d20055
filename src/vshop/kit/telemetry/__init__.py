"""OpenTelemetry set-up, redaction, payloads and logs."""

SHOP_SERVICES = frozenset({"orders", "auth-stub", "stock-updater"})
"""Business figures count only these values of ``service.name``."""
