"""Security: client addresses, password checks, encrypted columns, sessions."""
