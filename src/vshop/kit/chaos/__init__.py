"""The chaos board's switches, evaluated inside a service."""
