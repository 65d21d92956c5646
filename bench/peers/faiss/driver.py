"""Searches with FAISS for the process at the other end of the pipe.

Arguments: files of rows x dims float32 values and of queries to set HNSW by, rows, dims, metric (l2 or cosine), k, wanted recall
of HNSW, processors to build with.
First line of output: {"ready": [{"index": ..., "setting": ..., "buildMs": ..., "bytes": ...}, ...]} or {"error": ...}.
Then, for each line of input {"index": ..., "queries": n}, followed by n x dims float32 values, one line
{"ms": time of the search, "ids": n lists of k ids}. Searches use one thread.
"""

import json
import os
import sys
import time

import faiss
import numpy as np


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def normalised(vectors):
    """Unit vectors are ranked by L2 as all vectors are by their cosine. A vector of zeros stays one."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms == 0, 1, norms)


def bytes_of(index):
    return len(faiss.serialize_index(index))


class Flat:
    setting = ""

    def __init__(self, data):
        self.index = faiss.IndexFlatL2(data.shape[1])
        self.index.add(data)

    def search(self, queries, k):
        return self.index.search(queries, k)[1]


class Panorama:
    """Rotated to the principal axes, without which its levels prune little. The query is rotated within its time."""

    def __init__(self, data):
        dims = data.shape[1]
        levels = max(2, min(16, dims // 16))
        self.setting = f"levels={levels}"
        rotation = faiss.PCAMatrix(dims, dims)
        rotation.train(data[:: max(1, len(data) // 50000)].copy())
        self.index = faiss.IndexPreTransform(rotation, faiss.IndexFlatL2Panorama(dims, levels))
        self.index.is_trained = True
        self.index.add(data)

    def search(self, queries, k):
        return self.index.search(queries, k)[1]


class Hnsw:
    """The least efSearch that finds the wanted share of what Flat finds."""

    def __init__(self, data, k, wanted, sample, truth):
        self.index = faiss.IndexHNSWFlat(data.shape[1], 32)
        self.index.hnsw.efConstruction = 80
        self.index.add(data)
        self.parameters = faiss.SearchParametersHNSW()
        for ef in (10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640, 896, 1280):
            self.parameters.efSearch = max(ef, k)
            found = self.search(sample, k)
            recall = np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(found, truth)])
            if recall >= wanted:
                break
        reached = "" if recall >= wanted else f" ({wanted} not reached)"
        self.setting = f"M=32 efSearch={self.parameters.efSearch}{reached}"

    def search(self, queries, k):
        return self.index.search(queries, k, params=self.parameters)[1]


def main():
    path, sample_path, rows, dims, metric, k, wanted, processors = sys.argv[1:]
    rows, dims, k = int(rows), int(dims), int(k)
    data = np.fromfile(path, dtype=np.float32).reshape(rows, dims)
    prepare = normalised if metric == "cosine" else (lambda vectors: vectors)
    data = np.ascontiguousarray(prepare(data))
    faiss.omp_set_num_threads(int(processors))
    indexes, ready = {}, []

    def build(name, make):
        start = time.perf_counter()
        made = make()
        ms = (time.perf_counter() - start) * 1000
        indexes[name] = made
        ready.append({"index": name, "setting": made.setting, "buildMs": ms, "bytes": bytes_of(made.index)})

    build("Flat", lambda: Flat(data))
    build("Panorama", lambda: Panorama(data))
    sample = np.ascontiguousarray(prepare(np.fromfile(sample_path, dtype=np.float32).reshape(-1, dims)))
    truth = indexes["Flat"].search(sample, k)
    build("HNSW", lambda: Hnsw(data, k, float(wanted), sample, truth))
    faiss.omp_set_num_threads(1)
    say({"version": faiss.__version__, "options": faiss.get_compile_options().strip(), "ready": ready})

    source = sys.stdin.buffer
    while line := source.readline():
        request = json.loads(line)
        count = request["queries"]
        raw = np.frombuffer(source.read(count * dims * 4), dtype=np.float32).reshape(count, dims)
        start = time.perf_counter()
        ids = indexes[request["index"]].search(np.ascontiguousarray(prepare(raw)), k)
        ms = (time.perf_counter() - start) * 1000
        say({"ms": ms, "ids": ids.tolist()})


if __name__ == "__main__":
    # One thread of OpenBLAS too, which reads this when it is loaded.
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        say({"error": "OPENBLAS_NUM_THREADS has to be 1"})
        sys.exit(1)
    main()
