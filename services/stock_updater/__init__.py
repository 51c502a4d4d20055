"""Reads orders from Kafka and updates the stock in DynamoDB, each order exactly once in effect."""
