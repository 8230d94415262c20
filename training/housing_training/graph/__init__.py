"""From a fitted model to one ONNX graph, the proof that both answer the same, and the files that go with a graph."""
