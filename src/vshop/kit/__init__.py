"""What every service shares, and the only part of ``vshop`` a service may import."""
