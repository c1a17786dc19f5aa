"""What WatiBot does: receive, answer, deliver, mirror, alert. Knows promises, not their keepers."""
