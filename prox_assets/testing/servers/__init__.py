"""Servers on loopback: stores, hubs, webhooks and models, some of which misbehave."""
