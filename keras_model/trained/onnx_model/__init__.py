"""Reading an ONNX graph as layers, channels last, with their weights."""
