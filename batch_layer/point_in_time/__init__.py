"""What views would have answered at many instants at once, and training rows made of it."""
