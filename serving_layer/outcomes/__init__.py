"""What turned out for predictions: joined from two topics, and left in a third."""
