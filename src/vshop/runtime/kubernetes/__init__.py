"""Runs the shop on Kubernetes with ``kubectl``."""
