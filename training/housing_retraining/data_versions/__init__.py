"""All rows that there are to learn from, and the tables that retrainings are given."""
