"""The virtual shop: real microservices, every order in one distributed trace, every fault with its cause written down."""

__version__ = "0.1.0"
