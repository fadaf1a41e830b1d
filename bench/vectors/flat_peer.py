"""FAISS flat search beside ours: reads vectors, then answers each line of input with the milliseconds of the processor of one search."""
import sys
import time

import faiss
import numpy as np

path, count, dimensions, queries, threads = sys.argv[1], *map(int, sys.argv[2:6])
faiss.omp_set_num_threads(threads)
data = np.fromfile(path, dtype="<f4").reshape(-1, dimensions)
rows, asked = data[:count], data[count : count + queries]
index = faiss.IndexFlatIP(dimensions)
index.add(rows)
print("ready", flush=True)
turn = 0
for line in sys.stdin:
    size = int(line)
    batch = asked[[(turn + i) % queries for i in range(size)]]
    turn += size
    start = time.process_time()
    index.search(batch, 10)
    print((time.process_time() - start) * 1000, flush=True)
