"""Telemetry faults: a filter between the services and every receiver, and its HTTP API."""
