-- The extension needs pgvector, and says how to get it.
CREATE EXTENSION simdgres;
CREATE EXTENSION simdgres CASCADE;
SELECT extversion FROM pg_extension WHERE extname = 'simdgres';
SELECT simdgres_version() = extversion AS same FROM pg_extension WHERE extname = 'simdgres';
SELECT simdgres_isa() IN ('scalar', 'avx2', 'avx512') AS known;
-- Scalar kernels run anywhere, so features are asked for only where others are in use.
SELECT simdgres_isa() = 'scalar' OR simdgres_cpu_features() LIKE '%avx2%fma%' AS found;

-- It can be moved, and works there with pgvector's types elsewhere.
CREATE SCHEMA apart;
ALTER EXTENSION simdgres SET SCHEMA apart;
SELECT apart.simd_l2_distance('[1,2]'::vector, '[4,6]');
ALTER EXTENSION simdgres SET SCHEMA public;
DROP SCHEMA apart;

-- pgvector cannot be taken away under it.
DROP EXTENSION vector;
