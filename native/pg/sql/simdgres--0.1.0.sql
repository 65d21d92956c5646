-- Complain if the script is sourced in psql instead of run by CREATE EXTENSION.
\echo Use "CREATE EXTENSION simdgres CASCADE" to load this file. \quit

-- Else the first halfvec below would end it with `type "halfvec" does not exist`, which does not say what to do.
DO $$
BEGIN
    IF to_regtype('halfvec') IS NULL THEN
        RAISE EXCEPTION 'simdgres needs pgvector 0.7 or newer, and this database has the objects of %',
            (SELECT extversion FROM pg_extension WHERE extname = 'vector')
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Run ALTER EXTENSION vector UPDATE, then CREATE EXTENSION simdgres again.';
    END IF;
END
$$;

-- COST counts calls of a simple operator, about 20 ns in a scan of PostgreSQL 15 on a Zen 4 core. Measured there,
-- per row: 4 at 100 dimensions, 25 at 784 in line, 140 out of line (TOAST). The planner gets one number for all:
-- 10, between the first two. It is enough to make a parallel plan win where workers pay; a greater one would
-- pass jit_above_cost in scans that end before the compiler does. Bits are some hundred bytes, not thousands.

-- IMMUTABLE, as pgvector's are: the last digits of a result depend on the instruction set (simdgres_isa()), within the
-- kernels' error bounds. An expression index that is moved to another processor needs REINDEX, as it does after a change
-- of a C library's collation.

-- vector

CREATE FUNCTION simd_l2_distance(vector, vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_l2_distance_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

CREATE FUNCTION simd_inner_product(vector, vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_inner_product_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

CREATE FUNCTION simd_cosine_distance(vector, vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_cosine_distance_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

CREATE FUNCTION simd_l1_distance(vector, vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_l1_distance_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

CREATE FUNCTION simd_norm(vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_norm_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

-- halfvec

CREATE FUNCTION simd_l2_distance(halfvec, halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_l2_distance_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

CREATE FUNCTION simd_inner_product(halfvec, halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_inner_product_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

CREATE FUNCTION simd_cosine_distance(halfvec, halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_cosine_distance_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

CREATE FUNCTION simd_l1_distance(halfvec, halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_l1_distance_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

CREATE FUNCTION simd_norm(halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_norm_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

-- real[]

CREATE FUNCTION simd_l2_distance(real[], real[]) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_l2_distance_real_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

CREATE FUNCTION simd_inner_product(real[], real[]) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_inner_product_real_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

CREATE FUNCTION simd_cosine_distance(real[], real[]) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_cosine_distance_real_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

CREATE FUNCTION simd_l1_distance(real[], real[]) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_l1_distance_real_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

CREATE FUNCTION simd_norm(real[]) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_norm_real_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

-- bit (and bit varying, which is the same on disk)

CREATE FUNCTION simd_hamming_distance(bit, bit) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_hamming_distance_bit' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;

CREATE FUNCTION simd_jaccard_distance(bit, bit) RETURNS float8
    AS 'MODULE_PATHNAME', 'simdgres_jaccard_distance_bit' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;

-- What was loaded. STABLE: the answers belong to a server's start, not to their arguments.

CREATE FUNCTION simdgres_isa() RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;

CREATE FUNCTION simdgres_version() RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;

CREATE FUNCTION simdgres_cpu_features() RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION simdgres_isa() IS 'instruction set of the kernels in use';
COMMENT ON FUNCTION simdgres_version() IS 'version of the loaded simdgres library';
COMMENT ON FUNCTION simdgres_cpu_features() IS 'CPU features found that kernels can use';
