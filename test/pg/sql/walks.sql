-- The functions guess where the next row lies. Whatever the table looks like, a guess changes no result.
SET max_parallel_workers_per_gather = 0;
CREATE TABLE walked (id int, note text, e vector);
ALTER TABLE walked ALTER e SET STORAGE PLAIN;
CREATE FUNCTION mixed(i int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE
  RETURN (SELECT array_agg((i * 31 + j * j * 7) % 97) FROM generate_series(1, dims) j)::vector;
CREATE VIEW differences AS
  SELECT count(*) AS rows, count(*) FILTER (WHERE simd_l1_distance(e, mixed(0, vector_dims(e)))
    IS DISTINCT FROM l1_distance(e, mixed(0, vector_dims(e)))) AS wrong,
    count(*) FILTER (WHERE simd_l1_distance(mixed(3, 24), CASE WHEN vector_dims(e) = 24 THEN e END)
    IS DISTINCT FROM l1_distance(mixed(3, 24), CASE WHEN vector_dims(e) = 24 THEN e END)) AS wrong_first
  FROM walked;

-- many rows a page, all alike
INSERT INTO walked SELECT i, NULL, mixed(i, 24) FROM generate_series(1, 1000) i;
SELECT * FROM differences;
-- holes, dead rows and rows that moved
DELETE FROM walked WHERE id % 7 = 0;
UPDATE walked SET note = repeat('x', id % 50) WHERE id % 5 = 0;
SELECT * FROM differences;
-- every length, a row a page, NULLs between
INSERT INTO walked SELECT i, repeat('y', i % 300), mixed(i, 1 + i % 1900) FROM generate_series(1, 500) i;
INSERT INTO walked SELECT i, 'z', NULL FROM generate_series(1, 100) i;
SELECT * FROM differences;
-- some inline, some out of line, some short
ALTER TABLE walked ALTER e SET STORAGE EXTERNAL;
INSERT INTO walked SELECT i, NULL, mixed(i, CASE i % 3 WHEN 0 THEN 5 WHEN 1 THEN 60 ELSE 2500 END)
  FROM generate_series(1, 300) i;
SELECT * FROM differences;

-- other walks: backwards, by an index, from a join, from a sort, from no table
CREATE INDEX ON walked (id);
BEGIN;
DECLARE back SCROLL CURSOR FOR
  SELECT id, simd_l1_distance(e, mixed(1, 24)) = l1_distance(e, mixed(1, 24)) AS same FROM walked WHERE id < 4 AND vector_dims(e) = 24;
FETCH ALL back;
FETCH BACKWARD ALL back;
COMMIT;
SET enable_seqscan = off;
SELECT count(*) FROM walked WHERE id BETWEEN 10 AND 400 AND vector_dims(e) = 24
  AND simd_l1_distance(e, mixed(1, 24)) <> l1_distance(e, mixed(1, 24));
RESET enable_seqscan;
SELECT count(*) FROM walked a JOIN walked b ON a.id = b.id + 1 AND vector_dims(a.e) = vector_dims(b.e)
  WHERE simd_l1_distance(a.e, b.e) <> l1_distance(a.e, b.e);
SELECT count(*) FROM generate_series(1, 100) i
  WHERE simd_l1_distance(mixed(i, 40), mixed(i + 1, 40)) <> l1_distance(mixed(i, 40), mixed(i + 1, 40));
-- two vectors of one row, and the query from a subquery
SELECT count(*) FROM walked
  WHERE simd_l2_distance(e, e) <> 0
     OR simd_l1_distance(e, (SELECT CASE WHEN vector_dims(walked.e) = 24 THEN mixed(2, 24) END)) <> l1_distance(e, mixed(2, vector_dims(e)));

DROP TABLE walked CASCADE;
DROP FUNCTION mixed;
