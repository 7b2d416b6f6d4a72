#!/usr/bin/env python3
"""What a device without enough memory does. usage: out_of_memory.py PROGRAM FOLDER

Too little for one network: exit code 2 and one line with the bytes asked and free. Enough for one and not for six: parts,
with the same bits; without parts six networks do not fit where one just does. Any single allocation that fails: the same
bits, or exit code 2. A device that cannot be used at all: auto takes the CPU."""
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

def start(*arguments, memory=1 << 30, fails=0):
    return subprocess.run([program, *map(str, arguments), "--device", "cuda"], capture_output=True, text=True,
                          env={**os.environ, "DESCRAMBLER_SIMT_MEMORY": str(memory),
                               "DESCRAMBLER_SIMT_FAIL_ALLOCATION": str(fails)})

def run(*arguments, memory=1 << 30):
    done = start(*arguments, memory=memory)
    if done.returncode != 0:
        sys.exit(f"{arguments} with {memory} bytes: exit code {done.returncode}\n{done.stderr}")
    return done

def ensemble(count):
    config = folder / f"{count}.toml"
    config.write_text(f"""
[data]
times = 16
distances = 16
[network]
hidden = [12]
[training]
iterations = 10
batch_size = 16
[ensemble]
networks = {count}
[controls]
untrained = 0
shuffled = 0
no_decay = 0
""")
    run("train", config, "--out", folder / f"{count}.h5", "--quiet")
    return folder / f"{count}.h5"

six, one = ensemble(6), ensemble(1)
commands = {"trace": ["gram", "--layer", 2, "--tap", "after"], "eta": ["layer", "--layer", 1, "--tap", "after"]}
for key, (command, *options) in commands.items():
    def arguments(net):
        return [command, net, "--inputs", "deer:2000", *options, "--out", folder / f"{key}.h5", "--json", "--quiet", "--force"]

    def answer(done):
        return json.loads(done.stdout)[key]

    wanted = answer(run(*arguments(six)))
    low, high = 0, 1 << 23  # bytes: one network does not fit, does
    while high - low > 1 << 15:
        middle = (low + high) // 2
        low, high = (low, middle) if start(*arguments(one), memory=middle).returncode == 0 else (middle, high)
    refused = start(*arguments(six), memory=low // 2)
    lines = refused.stderr.strip().splitlines()
    if refused.returncode != 2 or len(lines) != 1 or not re.search(r"out of memory: \d+ bytes asked, \d+ free", lines[0]):
        sys.exit(f"exit code 2 and one line with the bytes asked and free expected, found {refused.returncode}: {lines}")
    found = answer(run(*arguments(six), memory=high + (1 << 15)))
    if found != wanted:
        sys.exit(f"{command} with {high} bytes: {found}, with all {wanted}: expected the same bits")
    outcomes = []
    for fails in (1, 2, 4, 7, 12, 20, 33, 54, 88, 143):
        done = start(*arguments(six), fails=fails)
        if done.returncode == 0 and answer(done) != wanted:
            sys.exit(f"{command}, allocation {fails} fails: {answer(done)}, expected {wanted}")
        if done.returncode not in (0, 2) or (done.returncode == 2 and "out of memory" not in done.stderr):
            sys.exit(f"{command}, allocation {fails} fails: exit code {done.returncode}\n{done.stderr}")
        outcomes.append(done.returncode)
    if 0 not in outcomes:
        sys.exit(f"{command}: no failure of an allocation was got over")
    print(f"{command}: one network fits into {high} bytes, and so do six; exit codes where an allocation fails {outcomes}")

for device, name in (("auto", "cpu"), ("cuda", None)):
    done = subprocess.run([program, "info", "--device", device], capture_output=True, text=True,
                          env={**os.environ, "DESCRAMBLER_SIMT_SHARED": "65536"})
    found = re.search(r"^device +(\w+)", done.stdout, re.M)
    if (found.group(1) if found else None) != name or done.returncode != (0 if name else 2):
        sys.exit(f"--device {device} with a device of 64 KiB a block: exit code {done.returncode}, {done.stdout}{done.stderr}")
