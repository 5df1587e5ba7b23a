"""What the installation does by itself: when each periodic task last ran, how long it took, how it failed."""
