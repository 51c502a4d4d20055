"""stock-updater: reads orders from Kafka and keeps the stock in DynamoDB, each order exactly once in effect."""
