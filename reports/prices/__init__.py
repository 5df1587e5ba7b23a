"""What incidents cost: visits and revenue that usually come in such a time, and did not."""
