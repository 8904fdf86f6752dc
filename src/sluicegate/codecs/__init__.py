"""Translation, only where client and target speak different dialects; one codec per dialect, decode and encode."""
