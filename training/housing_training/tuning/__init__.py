"""The search of better hyper-parameters for the mixture of experts."""
