"""What was known: from source tables to one row per account and date. Looks only backward."""
