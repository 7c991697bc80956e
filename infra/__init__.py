"""Set-up, the local stack, and the `tideline` command."""
