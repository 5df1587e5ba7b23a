"""Host names that accounts use as their own: claims, their verification, and the hosts that cannot be claimed."""
