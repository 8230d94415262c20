"""What `training/params.yaml` says: checked when it is read, under flat names for reports, and changed in place."""
