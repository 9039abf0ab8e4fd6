"""Clickledger's analytics core: questions about a handle's clicks, and answers that add up."""
