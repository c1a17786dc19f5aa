"""The console at /console: what waits for people, and the chats. `routes.py` joins it."""
