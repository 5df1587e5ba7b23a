"""Host names that accounts use as their own: claims, their proofs, and the hosts that cannot be claimed."""
