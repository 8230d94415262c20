"""Files that people drop: waited for, read in bounded memory, checked, and put away with a report."""
