"""The parts that the services' HTTP APIs share."""
