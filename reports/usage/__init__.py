"""What accounts use of their plans: counted, shown, and told to the billing system."""
