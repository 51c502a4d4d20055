"""The incidents: what can be broken, what then must be seen, and what the truth is."""
