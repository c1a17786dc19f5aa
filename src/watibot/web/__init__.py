"""The front door: webhooks, health and metrics."""
