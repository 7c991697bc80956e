"""The whole path shown on a year of real flights."""
