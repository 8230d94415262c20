"""Automatic retraining: new data or worse answers lead to a better model in service, or to a refusal with its reason.

The packages, from the top down: `commands` are the command line; `watch` waits for triggers and runs retrainings;
`triggers` decide when to retrain; `rollback` rolls back promotions that made live answers worse; `runs` runs a
retraining in its own directory; `stages` are the stages of its candidate; `replay` scores logged requests with another
version; `comparison` compares candidate and champion, and has the gates; `intake` reads dropped files; `data_versions`
stores all rows and writes training tables.
"""
