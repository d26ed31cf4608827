"""What the notifier knows: alerts, people, steps, as plain values. Pure: no gRPC, no screen."""
