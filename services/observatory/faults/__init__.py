"""Telemetry faults: a filter before every receiver, and its API."""
