"""Training: from raw data to one registered ONNX graph."""
