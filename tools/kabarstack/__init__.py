"""The private stack: what tools/stack, tools/demo, the end-to-end tests and the benchmarks share.

`Stack` (stack.py) knows the parts and their settings, `Process` (process.py) supervises one of
them. Everything lives below one folder (`.kabar/` or a test's temporary one).
"""

import os

# What is forked here is another program at once: grpc need not come to a stand for it, which in a
# process with many calls under way takes it seconds.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
