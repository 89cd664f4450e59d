"""What every experiment is made of, and what runs it."""
