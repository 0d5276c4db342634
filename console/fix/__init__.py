"""The fix engine: prepare, preview, run, prove, roll back, undo; and the steps."""
