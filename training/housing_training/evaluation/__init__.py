"""Measuring graphs on the rows held out, as a whole and in parts, and models in areas left out of their training."""
