"""Takes orders over HTTP, authenticates the shopper at auth-stub, and publishes orders to Kafka."""
