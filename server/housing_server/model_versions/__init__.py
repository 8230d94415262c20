"""The versions of the served model in the registry, and changes of the champion among them."""
