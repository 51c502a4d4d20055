"""stock-updater: reads orders from Kafka and updates the stock in DynamoDB, each order exactly once in effect."""
