"""What the service promises, how much of it was missed, and how fast. Pure."""
