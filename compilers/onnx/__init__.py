"""The ONNX compiler: from a plan to a self-contained file of standard ops."""
