#!/usr/bin/env python3
"""Value and gradient of the smoothness functional in the Cayley chart, in NumPy: the rival of the primitive `tikhonov`.
usage: numpy_tikhonov.py N REPETITIONS [diagonal|dense]    M in its own basis, or as the published code has it; prints one time in microseconds a line, then the value and the gradient's norm"""
import sys
import time

import numpy as np

n, repetitions = int(sys.argv[1]), int(sys.argv[2])
dense = sys.argv[3:] == ["dense"]
row, column = np.tril_indices(n, -1)
order = np.lexsort((row, column))  # column by column
row, column = row[order], column[order]
l = np.arange(n)
q = 0.3 * np.sin(1.0 + np.arange(n * (n - 1) // 2))
S = np.cos(0.37 * np.outer(l + 1, np.arange(2 * n) + 0.5)) / (1.0 + l)[:, None]
G = S @ S.T
mu = ((l + 1) // 2).astype(float) ** 4
eye = np.eye(n)
M = np.diag(mu)


def evaluate(q):
    """one inverse and four products, five with a dense M"""
    Q = np.zeros((n, n))
    Q[row, column] = q
    Q -= Q.T
    B = np.linalg.inv(eye + Q)
    P = 2 * B - eye
    MPG = M @ (P @ G) if dense else mu[:, None] * (P @ G)
    eta = np.sum(MPG * P)
    A = -2 * (B.T @ MPG) @ (eye + P).T
    return eta, A[row, column] - A[column, row]


evaluate(q)
for _ in range(repetitions):
    start = time.perf_counter()
    eta, gradient = evaluate(q)
    print(f"{1e6 * (time.perf_counter() - start):.3f}")
print(f"{eta:.17g} {np.linalg.norm(gradient):.17g}", file=sys.stderr)
