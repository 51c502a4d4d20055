"""Starts, watches and stops a shop on this machine: processes, ports, state. Speaks plain HTTP, without the services' libraries."""
