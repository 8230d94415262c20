"""The student: a small network that learns from the mixture of experts what synthetic rows cost."""
