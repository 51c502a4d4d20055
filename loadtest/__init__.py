"""Loads a shop with Locust, and checks that no order and no span is lost."""
