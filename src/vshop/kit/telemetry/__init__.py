"""OpenTelemetry set-up, redaction, payloads and logs."""

SHOP_SERVICES = frozenset({"orders", "auth-stub", "stock-updater"})
"""Values of ``service.name`` that business figures count. Others may send telemetry to the observatory too."""
