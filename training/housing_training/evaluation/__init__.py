"""Measuring graphs on the rows held out, as a whole and in parts, and models where they have never been."""
