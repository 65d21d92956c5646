SELECT simd_l2_distance('{0,0}'::real[], '{3,4}');
SELECT simd_inner_product('{1,2,3}'::real[], '{4,5,-6}');
SELECT simd_cosine_distance('{1,2}'::real[], '{2,4}');
SELECT simd_cosine_distance('{1,0}'::real[], '{0,2}');
SELECT simd_cosine_distance('{3,4}'::real[], '{0,0}');
SELECT simd_l1_distance('{0,0}'::real[], '{3,-4}');
SELECT simd_norm('{3,4}'::real[]);

-- no elements
SELECT simd_l2_distance('{}'::real[], '{}'), simd_inner_product('{}'::real[], '{}'),
       simd_l1_distance('{}'::real[], '{}'), simd_norm('{}'::real[]), simd_cosine_distance('{}'::real[], '{}');
SELECT simd_l2_distance('{}'::real[], '{1}');

-- not finite
SELECT simd_l2_distance('{Infinity,0}'::real[], '{0,0}'), simd_l2_distance('{Infinity}'::real[], '{Infinity}'),
       simd_l2_distance('{NaN}'::real[], '{0}');
SELECT simd_l1_distance('{-Infinity}'::real[], '{1}'), simd_l1_distance('{NaN}'::real[], '{1}');
SELECT simd_inner_product('{Infinity}'::real[], '{-2}'), simd_inner_product('{Infinity}'::real[], '{0}'),
       simd_inner_product('{NaN}'::real[], '{1}');
SELECT simd_cosine_distance('{NaN,1}'::real[], '{1,1}'), simd_cosine_distance('{Infinity,1}'::real[], '{1,1}');
SELECT simd_norm('{-Infinity}'::real[]), simd_norm('{NaN}'::real[]);
-- at every place of a long one, so that no lane forgets it
SELECT count(*) FROM generate_series(1, 70) i
  WHERE simd_l2_distance(array_fill(0::real, ARRAY[i - 1]) || 'NaN'::real || array_fill(0::real, ARRAY[70 - i]),
                         array_fill(0::real, ARRAY[70])) = 'NaN';

-- strict
SELECT simd_l2_distance(NULL, '{1}'::real[]), simd_norm(NULL::real[]);

-- NULL elements
SELECT simd_norm('{1,NULL}'::real[]);
SELECT simd_l2_distance('{1,2}'::real[], '{1,NULL}');
SELECT simd_l2_distance('{NULL,2}'::real[], '{1,2}');
-- a slice keeps the bitmap of its array although no element is NULL
SELECT simd_norm(('{3,4,NULL}'::real[])[1:2]);

-- dimensions
SELECT simd_norm('{{1,2},{3,4}}'::real[]);
SELECT simd_l2_distance('{1,2}'::real[], '{{1,2}}');
SELECT simd_norm('[5:6]={3,4}'::real[]);
SELECT simd_l2_distance('{1,2}'::real[], '{3}');
SELECT simd_inner_product('{1,2}'::real[], '{3}');
SELECT simd_cosine_distance('{1,2}'::real[], '{3}');
SELECT simd_l1_distance('{1,2}'::real[], '{3}');

-- other element types are refused, not converted behind one's back
SELECT simd_norm('{3,4}'::text[]);

-- an array that plpgsql keeps expanded
DO $$
DECLARE
  a real[] := '{}';
BEGIN
  FOR i IN 1..300 LOOP a := a || i::real; END LOOP;
  RAISE NOTICE '% %', simd_l2_distance(a, a), simd_l1_distance(a, array_fill(0::real, ARRAY[300]));
END $$;

-- pgvector's values become arrays by its own cast
SELECT simd_l2_distance('[0,0]'::vector, '{3,4}'::real[]);

-- short header, plain, compressed, out of line
CREATE TABLE stored (how text, e real[]);
INSERT INTO stored VALUES
  ('short', '{1,2,3}'),
  ('plain', (SELECT array_agg(i) FROM generate_series(1, 100) i)),
  ('compressed', array_fill(1, ARRAY[2000])),
  ('out of line', (SELECT array_agg(i * 7919 % 1009) FROM generate_series(1, 8000) i));
SELECT how, simd_l2_distance(e, e) AS l2,
       abs(simd_norm(e) / sqrt((SELECT sum(x::float8 * x) FROM unnest(e) x)) - 1) < 1e-5 AS same_norm FROM stored;
DROP TABLE stored;
