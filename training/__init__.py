"""What happened next, and what can be learned from it."""
