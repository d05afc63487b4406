"""The private stack: what tools/stack, tools/demo, the end-to-end tests and the benchmarks share.

`Stack` (stack.py) knows the parts and their settings, `Process` (process.py) supervises one of
them. Everything lives below one folder (`.kabar/` or a test's temporary one).
"""
