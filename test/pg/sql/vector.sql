SELECT simd_l2_distance('[0,0]'::vector, '[3,4]');
SELECT simd_l2_distance('[1,2,3]'::vector, '[1,2,3]');
SELECT simd_inner_product('[1,2,3]'::vector, '[4,5,-6]');
SELECT simd_cosine_distance('[1,2]'::vector, '[2,4]');
SELECT simd_cosine_distance('[1,0]'::vector, '[0,2]');
SELECT simd_cosine_distance('[1,1]'::vector, '[-1,-1]');
SELECT simd_cosine_distance('[3,4]'::vector, '[0,0]');
SELECT simd_cosine_distance('[0,0]'::vector, '[0,0]');
SELECT simd_l1_distance('[0,0]'::vector, '[3,-4]');
SELECT simd_norm('[3,4]'::vector);
SELECT simd_norm('[0]'::vector);

-- strict
SELECT simd_l2_distance(NULL, '[1]'::vector), simd_cosine_distance('[1]'::vector, NULL), simd_norm(NULL::vector);

-- different dimensions
SELECT simd_l2_distance('[1,2]'::vector, '[3]');
SELECT simd_inner_product('[1,2]'::vector, '[3]');
SELECT simd_cosine_distance('[1,2]'::vector, '[3]');
SELECT simd_l1_distance('[1,2]'::vector, '[3]');

-- the type's own checks come first
SELECT simd_norm('[]'::vector);
SELECT simd_norm('[1,NaN]'::vector);
SELECT simd_norm('[1,Infinity]'::vector);
SELECT simd_norm('[1,2'::vector);

-- One distance, four ways to lie on disk: short header, plain, compressed, out of line.
CREATE TABLE stored (how text, e vector);
ALTER TABLE stored ALTER e SET STORAGE EXTENDED;
INSERT INTO stored VALUES
  ('short', '[1,2,3]'),
  ('plain', (SELECT array_agg(i) FROM generate_series(1, 100) i)::vector),
  ('compressed', array_fill(1, ARRAY[2000])::vector),
  ('out of line', (SELECT array_agg(i * 7919 % 1009) FROM generate_series(1, 4000) i)::vector);
SELECT how, pg_column_size(e) AS bytes, pg_column_size(e) < vector_dims(e) * 4 AS compressed
  FROM stored WHERE how <> 'out of line';
SELECT how, simd_l2_distance(e, e) AS l2, simd_l1_distance(e, e) AS l1,
       abs(simd_norm(e) / vector_norm(e) - 1) < 1e-5 AS same_norm FROM stored;
SELECT a.how, b.how, simd_l1_distance(a.e, b.e) = l1_distance(a.e, b.e) AS same
  FROM stored a JOIN stored b ON vector_dims(a.e) = vector_dims(b.e) ORDER BY 1, 2;
DROP TABLE stored;

-- the nearest, as pgvector finds them
CREATE TABLE items (id int, e vector(3));
INSERT INTO items VALUES (1, '[0,0,0]'), (2, '[1,1,1]'), (3, '[3,3,3]'), (4, NULL), (5, '[-1,2,9]');
SELECT id, simd_l2_distance(e, '[1,1,2]') AS d FROM items ORDER BY d, id LIMIT 3;
SELECT (SELECT array_agg(id ORDER BY simd_l2_distance(e, '[1,1,2]'), id) FROM items)
     = (SELECT array_agg(id ORDER BY e <-> '[1,1,2]', id) FROM items) AS same;
DROP TABLE items;

-- A value that is not laid out as documented is refused, whatever it holds.
CREATE CAST (bytea AS vector) WITHOUT FUNCTION;
SELECT simd_norm('\x0200000000000040'::bytea::vector);
SELECT simd_norm('\x01000100000080bf'::bytea::vector);
SELECT simd_norm('\xffff0000'::bytea::vector);
SELECT simd_norm('\x01'::bytea::vector);
SELECT simd_norm(''::bytea::vector);
SELECT simd_norm('\x01000000000080bf'::bytea::vector);
DROP CAST (bytea AS vector);
