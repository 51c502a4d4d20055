"""Runs the shop on Kubernetes with ``kubectl``: apply, wait, and forward its ports to loopback."""
