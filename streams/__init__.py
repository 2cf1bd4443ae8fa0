"""What moves: the batch source, the agents, the web pages and the commands."""
