"""What comes in: X, y and weights, checked and as the engine reads them."""
