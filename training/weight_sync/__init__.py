"""The parts of a weight sync: named arrays, buckets, a broadcast group, the check. Independent of trainers and
engines."""
