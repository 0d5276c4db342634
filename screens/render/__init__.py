"""What the screens say, made from the Snapshot and nothing else: pure functions from data to painted lines."""
