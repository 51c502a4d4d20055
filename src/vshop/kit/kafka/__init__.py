"""Kafka: client properties, records, sending and processing, each with its spans."""
