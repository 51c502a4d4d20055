"""The observatory stores traces, logs and metrics in memory."""
