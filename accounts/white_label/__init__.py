"""What a white label consists of: its colours, its files, the hosts it is on and the sender of its mails."""
