"""What failing services, disks, clocks and networks cost, as a table: python -m tests.bench.faults (`__main__.py`)."""
