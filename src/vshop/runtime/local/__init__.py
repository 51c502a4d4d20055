"""Runs a shop as processes of this machine: start, watch, stop."""
