"""What is known about places: distances, the label of `ocean_proximity`, the grid, neighbours, and a table of it."""
