"""What a lake gathers and nobody needs: found, listed, and taken away; safe beside everything else, and again."""
