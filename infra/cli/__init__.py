"""The `tideline` command: one module a group of commands."""
