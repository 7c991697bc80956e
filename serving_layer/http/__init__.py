"""The HTTP plane: routes over a `Store`, answers with their proof, problems for whatever cannot be answered."""
