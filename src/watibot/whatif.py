"""What the same traffic would cost with another model, cache, instructions or history. Pure."""
