"""What a plan will cost before it runs: tokens, FLOPs, time on a device, disk."""
