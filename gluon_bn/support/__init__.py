"""Helpers that know nothing of networks. They use no other room of the package."""
