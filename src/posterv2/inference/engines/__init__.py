"""What runs a network: ONNX Runtime, OpenVINO or torch, each behind `inference.classifier.Classifier`."""
