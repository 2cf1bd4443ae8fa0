"""Where it runs: Kafka and Redis on this machine, and files for containers and clusters."""
