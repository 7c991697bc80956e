"""The definition language and the rules of an answer; standard library only, so every environment imports it."""
