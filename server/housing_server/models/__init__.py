"""Loads fetched models: ONNX Runtime or an MLflow pyfunc, golden requests and trials."""
