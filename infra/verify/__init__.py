"""The proof checked from outside: served answers against the reference over all that was ever received."""
