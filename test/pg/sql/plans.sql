-- A search over many rows is done by several workers, each keeping its own nearest.
CREATE TABLE items (id int, e vector(16)) WITH (parallel_workers = 2);
INSERT INTO items SELECT i, (SELECT array_agg((i * 37 + j * j * 11) % 101) FROM generate_series(1, 16) j)::vector
  FROM generate_series(1, 5000) i;
ANALYZE items;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET jit = off;
EXPLAIN (COSTS OFF)
SELECT id FROM items ORDER BY simd_l2_distance(e, '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]') LIMIT 5;
EXPLAIN (COSTS OFF)
SELECT id FROM items ORDER BY simd_hamming_distance(binary_quantize(e)::varbit, B'1111000011110000'), id LIMIT 5;

-- and finds what pgvector finds alone
CREATE TEMP TABLE parallel_hits AS
  SELECT id FROM items ORDER BY simd_l2_distance(e, '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]'), id LIMIT 20;
SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE serial_hits AS
  SELECT id FROM items ORDER BY e <-> '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]', id LIMIT 20;
SELECT count(*), count(*) FILTER (WHERE s.id IS NOT NULL) AS same
  FROM parallel_hits p LEFT JOIN serial_hits s USING (id);

-- IMMUTABLE: a distance of constants is computed once, by the planner; and it can be indexed.
EXPLAIN (COSTS OFF) SELECT 1 FROM items WHERE simd_l2_distance('[1]'::vector, '[1]') > 0;
CREATE INDEX items_norm ON items (simd_norm(e));
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE simd_norm(e) < 100;
DROP TABLE items;
