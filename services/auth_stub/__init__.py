"""auth-stub: answers as Auth0 does, as far as the shop needs it, with real RS256 tokens."""
