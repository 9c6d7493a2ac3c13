"""HTTP/1.1 between the sockets of a listener and its application."""
