"""The code that all services share, and the only part of ``vshop`` that they may import."""
