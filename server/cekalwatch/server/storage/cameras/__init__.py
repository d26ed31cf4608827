"""What people have set for cameras."""
