SELECT simd_hamming_distance(B'111', B'110');
SELECT simd_hamming_distance(B'111', B'111');
SELECT simd_jaccard_distance(B'1111', B'1100');
SELECT simd_jaccard_distance(B'1111', B'1111');
SELECT simd_jaccard_distance(B'1100', B'0011');
SELECT simd_jaccard_distance(B'0000', B'0000'), jaccard_distance(B'0000', B'0000');
SELECT simd_hamming_distance(B'', B''), simd_jaccard_distance(B'', B'');

-- strict
SELECT simd_hamming_distance(NULL, B'1'), simd_jaccard_distance(B'1', NULL);

-- different lengths, also where both fill the same bytes
SELECT simd_hamming_distance(B'111', B'11');
SELECT simd_jaccard_distance(B'111', B'11');
SELECT simd_hamming_distance(B'', B'0');

-- bit varying is the same on disk
SELECT simd_hamming_distance(B'1010'::varbit, B'0101'::varbit);

-- pgvector makes bits of vectors
SELECT simd_hamming_distance(binary_quantize('[1,-1,1]'::vector), binary_quantize('[1,1,-1]'::vector));

-- every length up to three words and one of each storage
SELECT count(*) FROM generate_series(1, 200) n,
  LATERAL (SELECT repeat('1', n)::varbit AS a, repeat('0', n - 1)::varbit || B'1' AS b) v
  WHERE simd_hamming_distance(a, b) = n - 1 AND abs(simd_jaccard_distance(a, b) - (1 - 1.0 / n)) < 1e-12;
CREATE TABLE stored (how text, e varbit);
INSERT INTO stored VALUES ('short', B'101'), ('plain', repeat('10', 2000)::varbit),
  ('compressed', repeat('10', 20000)::varbit);
ALTER TABLE stored ALTER e SET STORAGE EXTERNAL;
INSERT INTO stored VALUES ('out of line', repeat('10', 20000)::varbit);
SELECT how, simd_hamming_distance(e, ~e), simd_jaccard_distance(e, e) FROM stored;
DROP TABLE stored;
