"""orders: takes a shopper's order over HTTP, asks auth-stub who they are, and publishes the order to Kafka."""
