"""Whether what batch has built may be published: the contract as expectations, and rules over whole tables."""
