"""Models: learning from a training set, versions in the registry, and which of them is champion."""
