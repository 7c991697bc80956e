"""`make setup`: two Python environments and the jars, all from locks. Standard library only."""
