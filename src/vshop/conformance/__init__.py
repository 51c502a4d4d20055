"""Holds the telemetry that the shop emits against OpenTelemetry's semantic conventions.

The rules are data (``rules.yaml``), each with a link to the convention; so are the known deviations of the instrumentation
libraries (``deviations.yaml``), each with its reason. Names of attributes come from the package of the conventions.
"""

from vshop.conformance.report import Finding, Report, check

__all__ = ["Finding", "Report", "check"]
