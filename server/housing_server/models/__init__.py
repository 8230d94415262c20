"""A fetched model, loaded: ONNX Runtime or an MLflow pyfunc, its golden requests and its trial."""
