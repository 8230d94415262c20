"""The stages of a challenger: gates, shadow, what else is switched on, and promotion; each leaves its evidence."""
