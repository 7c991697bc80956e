"""Commands of the batch layer that are more than a call."""
