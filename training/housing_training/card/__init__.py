"""The model card of a candidate: its facts, its pictures and its text."""
