"""Who may call: API keys, the roles of callers, and their limits."""
