"""What a weight sync sends: named arrays, buckets, a broadcast group. Knows neither trainers nor engines."""
