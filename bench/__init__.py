"""Measures the shop on this machine (``make bench``)."""
