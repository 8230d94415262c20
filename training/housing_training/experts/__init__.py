"""The mixture of experts: two boosters and a gate, cross-fitted, with intervals and warnings."""
