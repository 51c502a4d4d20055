"""How Kafka, DynamoDB and Jaeger run without containers."""
