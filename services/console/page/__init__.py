"""The requests of the web page."""
