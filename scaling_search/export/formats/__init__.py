"""What a network is written as, one format per file."""
