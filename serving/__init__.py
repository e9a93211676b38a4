"""Who needs a person today, why, and what to do."""
