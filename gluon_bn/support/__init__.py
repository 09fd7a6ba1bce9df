"""What the package needs that knows nothing of networks."""
