SELECT simd_l2_distance('[0,0]'::halfvec, '[3,4]');
SELECT simd_inner_product('[1,2,3]'::halfvec, '[4,5,-6]');
SELECT simd_cosine_distance('[1,2]'::halfvec, '[2,4]');
SELECT simd_cosine_distance('[1,0]'::halfvec, '[0,2]');
SELECT simd_cosine_distance('[1,1]'::halfvec, '[-1,-1]');
SELECT simd_cosine_distance('[3,4]'::halfvec, '[0,0]');
SELECT simd_l1_distance('[0,0]'::halfvec, '[3,-4]');
SELECT simd_norm('[3,4]'::halfvec);

-- the largest and the smallest (denormal) half there is
SELECT simd_norm('[65504]'::halfvec);
SELECT simd_norm('[0.000000059604645]'::halfvec) = '0.000000059604644775390625' AS same;

-- strict
SELECT simd_l2_distance(NULL, '[1]'::halfvec), simd_norm(NULL::halfvec);

-- different dimensions
SELECT simd_l2_distance('[1,2]'::halfvec, '[3]');
SELECT simd_inner_product('[1,2]'::halfvec, '[3]');
SELECT simd_cosine_distance('[1,2]'::halfvec, '[3]');
SELECT simd_l1_distance('[1,2]'::halfvec, '[3]');

-- short header, plain, out of line
CREATE TABLE stored (how text, e halfvec);
INSERT INTO stored VALUES
  ('short', '[1,2,3]'),
  ('plain', (SELECT array_agg(i) FROM generate_series(1, 100) i)::halfvec),
  ('out of line', (SELECT array_agg(i % 11) FROM generate_series(1, 4000) i)::halfvec);
SELECT how, simd_l2_distance(e, e) AS l2, abs(simd_norm(e) / l2_norm(e) - 1) < 1e-5 AS same_norm FROM stored;
DROP TABLE stored;

CREATE CAST (bytea AS halfvec) WITHOUT FUNCTION;
SELECT simd_norm('\x0200000000000040'::bytea::halfvec);
SELECT simd_norm('\x020000000040'::bytea::halfvec);
DROP CAST (bytea AS halfvec);
