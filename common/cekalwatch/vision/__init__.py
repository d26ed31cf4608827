"""Faces in pictures, for the capture host and the server alike: detection, landmarks, alignment, quality, model packs.

Needs numpy, OpenCV and onnxruntime only, and knows neither gRPC nor the server. Pictures are BGR uint8 arrays of shape
(height, width, 3), as OpenCV has them.
"""
