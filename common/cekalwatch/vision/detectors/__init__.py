"""Face detectors: UltraFace or YuNet with O-Net's landmarks, YuNet alone, and SCRFD."""
