"""The part of Auth0's API that the shop needs, with real RS256 tokens."""
