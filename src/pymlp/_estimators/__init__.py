"""The estimators: parameters, and what ties the other rooms together."""
