"""Alerts: rules that are judged on demand from the traces and log records that are held."""
