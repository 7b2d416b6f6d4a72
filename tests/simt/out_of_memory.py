#!/usr/bin/env python3
"""What a device without enough memory does. usage: out_of_memory.py PROGRAM FOLDER

Too little for one network: exit code 2 and one line with the bytes asked and free. Too little for all at once: parts, with
the same bits."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
config = folder / "config.toml"
config.write_text("""
[data]
times = 16
distances = 16
[network]
hidden = [12]
[training]
iterations = 10
batch_size = 16
[ensemble]
networks = 6
[controls]
untrained = 0
shuffled = 0
no_decay = 0
""")

def run(*arguments, memory, expected=0):
    done = subprocess.run([program, *map(str, arguments), "--device", "cuda"], capture_output=True, text=True,
                          env={**os.environ, "DESCRAMBLER_SIMT_MEMORY": str(memory)})
    if done.returncode != expected:
        sys.exit(f"{arguments} with {memory} bytes: exit code {done.returncode}, expected {expected}\n{done.stderr}")
    return done

large = 1 << 30
net = folder / "net.h5"
run("train", config, "--out", net, "--quiet", memory=large)
tap = ["gram", net, "--inputs", "deer:2000", "--layer", 2, "--tap", "after", "--out", folder / "gram.h5", "--json", "--force"]
wanted = json.loads(run(*tap, memory=large).stdout)["trace"]

refused = run(*tap, memory=200_000, expected=2).stderr.strip().splitlines()
if len(refused) != 1 or not re.search(r"out of memory: \d+ bytes asked, \d+ free", refused[0]):
    sys.exit(f"one line with the bytes asked and free expected, found: {refused}")
whole = [m for m in range(400_000, 6_000_000, 400_000)
         if subprocess.run([program, *map(str, tap), "--device", "cuda"], capture_output=True,
                           env={**os.environ, "DESCRAMBLER_SIMT_MEMORY": str(m)}).returncode == 0]
if not whole or whole[0] > 4_000_000:
    sys.exit(f"parts expected to fit into 4 MB, the first that fitted: {whole[:1]}")
found = json.loads(run(*tap, memory=whole[0]).stdout)["trace"]
if found != wanted:
    sys.exit(f"with {whole[0]} bytes {found}, with all {wanted}: expected the same bits")
print(f"{refused[0]}\nsame bits with {whole[0]} bytes")
