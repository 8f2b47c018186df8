"""What `make torture` does to a search: kills, flipped bits, full disks, crowds and clocks."""
