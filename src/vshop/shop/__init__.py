"""Client of a running shop: orders, stock, traces, switches."""
