"""The rival of the training step: one PyTorch process that trains the networks in a loop, eager mode, Adam with coupled L2,
batch 256, forward, backward and step, data excluded. Prints seconds per step of all networks, one number a repetition.
usage: torch_train.py THREADS [networks] [steps] [repetitions]"""
import sys
import time

import torch

threads, networks, steps, repetitions = (int(a) for a in (sys.argv[1:] + ["8", "20", "5"][len(sys.argv) - 2:])[:4])
torch.set_num_threads(threads)
torch.manual_seed(1)
x, y = torch.rand(256, 256), torch.rand(256, 256)
models = [torch.nn.Sequential(torch.nn.Linear(256, 80), torch.nn.Tanh(), torch.nn.Linear(80, 256), torch.nn.Sigmoid())
          for _ in range(networks)]
optimisers = [torch.optim.Adam(m.parameters(), lr=1e-2, weight_decay=1e-6) for m in models]
loss_of = torch.nn.MSELoss()

def step():
    for model, optimiser in zip(models, optimisers):
        optimiser.zero_grad(set_to_none=True)
        loss_of(model(x), y).backward()
        optimiser.step()

for _ in range(5):
    step()
for _ in range(repetitions):
    start = time.perf_counter()
    for _ in range(steps):
        step()
    print((time.perf_counter() - start) / steps)
