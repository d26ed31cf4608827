"""What turns aligned faces into templates: onnxruntime, OpenVINO, insightface."""
