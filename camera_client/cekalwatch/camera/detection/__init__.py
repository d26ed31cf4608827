"""From a frame to the face captures that are worth sending: detection, tracking, best shots, crops."""
