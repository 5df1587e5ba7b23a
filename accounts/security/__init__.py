"""What protects accounts against strangers: client addresses, limits, encrypted columns."""
