"""Surfaces that belong to no module: the list of routers, health."""
