"""One query answers from both: a store that loader and applier fill, and readers that merge it over HTTP."""
