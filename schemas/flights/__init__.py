"""Flights that left New York's airports, and the weather there."""
