"""Jaeger's query API: parameters, search, and the JSON of versions 1 and 3."""
