"""orders: takes a shopper's order over HTTP, authenticates the shopper at auth-stub, and publishes the order to Kafka."""
