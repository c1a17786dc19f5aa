"""What an answer must not give away. Pure."""
