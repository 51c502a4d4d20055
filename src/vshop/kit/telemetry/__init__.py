"""OpenTelemetry set-up, redaction, payloads and logs."""

SHOP_SERVICES = ("orders", "auth-stub", "stock-updater")
"""Values of ``service.name``. Business figures count only these."""
