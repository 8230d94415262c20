"""Retraining by itself: new data or worse answers lead to a better model in service, or to a refusal that says why.

The rooms, from the top down: `commands` are the command line; `watch` waits for what triggers a retraining; `triggers`
decide when; `rollback` rolls promotions back that made live answers worse; `runs` carry a retraining out in a directory
of its own; `stages` are what its candidate must pass; `replay` asks a version what others were asked; `comparison`
measures a candidate beside the champion, and holds the gates; `intake` reads the files that people drop;
`data_versions` keep all rows and make tables to train on.
"""
