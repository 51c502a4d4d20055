"""The HTTP API for programs, as openapi.yaml describes it."""
