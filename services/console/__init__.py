"""Web page, chaos board, and an HTTP API for programs. A client of the shop (docs/adr/0008)."""
