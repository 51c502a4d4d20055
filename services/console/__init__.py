"""The console: the web page, the chaos board, and an HTTP API for programs. It is a client of the shop (docs/adr/0008)."""
