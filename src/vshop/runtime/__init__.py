"""Starts, watches and stops a shop. Imports none of the services' libraries."""
