"""Ways to reach an endpoint: HTTP, e-mail, and chats that take web hooks."""
