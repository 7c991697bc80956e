"""The local stack: configuration, supervisor, conditions to wait for."""
