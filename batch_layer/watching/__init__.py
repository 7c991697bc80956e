"""Models after their training: how scores turn out, how far inputs have moved, whether serving says what batch does."""
