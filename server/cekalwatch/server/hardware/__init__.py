"""Keys that never leave the hardware that made them: tokens that speak PKCS#11."""
