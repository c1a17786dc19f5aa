"""Whether a person of the desk answers chats now, and when next. Pure."""
