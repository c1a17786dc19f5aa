"""When an explicit cache at the model is cheaper than the model's own caching. Pure."""
