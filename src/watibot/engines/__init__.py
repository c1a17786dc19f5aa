"""What starts a conversation's work when it is due, and the time it goes by."""
