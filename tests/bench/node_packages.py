"""Packages of npm for what a bench measures beside ours: as a lock file says, nothing else."""

import os
import shutil
import subprocess

from kabarstack.servers import StartError


def install(source, folder, script):
    """`source` holds package.json, package-lock.json and `script`; all of it comes into `folder`.
    What is there already stays."""
    lock = os.path.join(source, "package-lock.json")
    stamp = os.path.join(folder, "node_modules", ".kabar-lock")
    with open(lock, encoding="utf-8") as f:
        wanted = f.read()
    if not os.path.exists(stamp) or open(stamp, encoding="utf-8").read() != wanted:
        print(f"   npm ci in {os.path.relpath(folder)} ...", flush=True)
        os.makedirs(folder, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(source, name), folder)
        try:
            done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                                  cwd=folder, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise StartError("npm is missing: install Node.js 20.18 or later with npm") from None
        if done.returncode != 0:
            raise StartError(f"npm ci in {folder} failed: {done.stderr.strip()[-600:]}")
        with open(stamp, "w", encoding="utf-8") as f:
            f.write(wanted)
    shutil.copy(os.path.join(source, script), folder)
