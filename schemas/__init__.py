"""What the layers share: the definition language (`core`), the tables they meet in (`lake`), the domains."""
