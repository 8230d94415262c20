"""The files that stages exchange: where they are, how they are written, and which data and code they come from."""
