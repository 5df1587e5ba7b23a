"""Host names that accounts use as their own: who claimed which, who proved it, which can never be claimed."""
