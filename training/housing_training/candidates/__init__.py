"""The models that are tried, from linear regression to the student, and how each is cross-validated and fitted."""
