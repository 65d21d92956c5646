-- Complain if the script is sourced in psql instead of run by ALTER EXTENSION.
\echo Use "ALTER EXTENSION simdgres UPDATE" to load this file. \quit

-- An index whose searches are exact: rows leave it by a proved lower bound of their distance, and the executor measures
-- those that come first. The first support function of an operator class names its metric; one of halfvec has a second.

CREATE FUNCTION simdgres_index_handler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE ACCESS METHOD simdgres TYPE INDEX HANDLER simdgres_index_handler;

COMMENT ON ACCESS METHOD simdgres IS 'exact nearest-neighbour search by codes with proved bounds';

CREATE FUNCTION simdgres_index_l2() RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION simdgres_index_cosine() RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION simdgres_index_ip() RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION simdgres_index_halves() RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- A radius search: `e <<->> sphere(q, r)` is `e <-> q < r`, as a condition that an index can be asked for.

CREATE TYPE sphere_vector AS (centre vector, radius double precision);

CREATE TYPE sphere_halfvec AS (centre halfvec, radius double precision);

CREATE FUNCTION sphere(vector, double precision) RETURNS sphere_vector
    AS 'SELECT ROW($1, $2)' LANGUAGE SQL IMMUTABLE PARALLEL SAFE;

CREATE FUNCTION sphere(halfvec, double precision) RETURNS sphere_halfvec
    AS 'SELECT ROW($1, $2)' LANGUAGE SQL IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION sphere(vector, double precision) IS 'all vectors nearer to the centre than the radius';
COMMENT ON FUNCTION sphere(halfvec, double precision) IS 'all vectors nearer to the centre than the radius';

CREATE FUNCTION simdgres_within_l2(vector, sphere_vector) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION simdgres_within_cosine(vector, sphere_vector) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION simdgres_within_ip(vector, sphere_vector) RETURNS boolean
    AS 'MODULE_PATHNAME', 'simdgres_within_ip_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION simdgres_within_l2(halfvec, sphere_halfvec) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION simdgres_within_cosine(halfvec, sphere_halfvec) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION simdgres_within_ip(halfvec, sphere_halfvec) RETURNS boolean
    AS 'MODULE_PATHNAME', 'simdgres_within_ip_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR <<->> (LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = simdgres_within_l2,
    RESTRICT = contsel, JOIN = contjoinsel);

CREATE OPERATOR <<=>> (LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = simdgres_within_cosine,
    RESTRICT = contsel, JOIN = contjoinsel);

CREATE OPERATOR <<#>> (LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = simdgres_within_ip,
    RESTRICT = contsel, JOIN = contjoinsel);

CREATE OPERATOR <<->> (LEFTARG = halfvec, RIGHTARG = sphere_halfvec, FUNCTION = simdgres_within_l2,
    RESTRICT = contsel, JOIN = contjoinsel);

CREATE OPERATOR <<=>> (LEFTARG = halfvec, RIGHTARG = sphere_halfvec, FUNCTION = simdgres_within_cosine,
    RESTRICT = contsel, JOIN = contjoinsel);

CREATE OPERATOR <<#>> (LEFTARG = halfvec, RIGHTARG = sphere_halfvec, FUNCTION = simdgres_within_ip,
    RESTRICT = contsel, JOIN = contjoinsel);

-- pgvector's operators, wherever its schema is. It has halfvec: version 0.1.0 is not created without.
DO $$
DECLARE
    class record;
    operator text;
BEGIN
    FOR class IN
        SELECT type, format('%s_%s_ops', type, metric) AS name, metrics.operator,
               format('simdgres_index_%s', metric) AS support, metric = 'l2' AS is_default
            FROM (VALUES ('vector'), ('halfvec')) AS types (type),
                 (VALUES ('l2', '<->'), ('cosine', '<=>'), ('ip', '<#>')) AS metrics (metric, operator)
    LOOP
        SELECT format('%I.%s', n.nspname, o.oprname) INTO STRICT operator
            FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
            WHERE o.oprname = class.operator AND o.oprleft = class.type::regtype AND o.oprright = class.type::regtype;
        EXECUTE format('CREATE OPERATOR CLASS %I %s FOR TYPE %3$s USING simdgres AS '
                       'OPERATOR 1 %4$s (%3$s, %3$s) FOR ORDER BY float_ops, '
                       'OPERATOR 2 <%7$s> (%3$s, sphere_%3$s) FOR SEARCH, FUNCTION 1 (%3$s, %3$s) %5$I()%6$s',
                       class.name, CASE WHEN class.is_default THEN 'DEFAULT' ELSE '' END,
                       class.type, operator, class.support,
                       CASE WHEN class.type = 'halfvec'
                            THEN ', FUNCTION 2 (halfvec, halfvec) simdgres_index_halves()' ELSE '' END,
                       class.operator);
    END LOOP;
END
$$;

-- Both read the whole index, of any table: like pgstattuple they are for whom the owner of the extension grants them.

CREATE FUNCTION simdgres_index_info(index regclass, OUT format integer, OUT metric text, OUT dims integer,
                                    OUT trained_rows bigint, OUT coded_rows bigint, OUT dead_rows bigint,
                                    OUT loose_rows bigint, OUT bytes bigint, OUT advice text)
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT;

CREATE FUNCTION simdgres_index_check(index regclass) RETURNS bigint
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT;

REVOKE ALL ON FUNCTION simdgres_index_info(regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION simdgres_index_check(regclass) FROM PUBLIC;

COMMENT ON FUNCTION simdgres_index_info(regclass) IS 'what an index of simdgres consists of, and whether it wants a REINDEX';
COMMENT ON FUNCTION simdgres_index_check(regclass) IS 'rows of an index of simdgres after a check of all its pages; an error names the block';
