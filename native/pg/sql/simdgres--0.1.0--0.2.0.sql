-- Complain if the script is sourced in psql instead of run by ALTER EXTENSION.
\echo Use "ALTER EXTENSION simdgres UPDATE" to load this file. \quit

-- An index whose searches are exact: rows leave it by a proved lower bound of their distance, and the executor measures
-- those that come first. An operator class has one support function, which names its metric.

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

-- pgvector's operators, wherever its schema is.
DO $$
DECLARE
    class record;
    operator text;
BEGIN
    FOR class IN
        SELECT * FROM (VALUES ('vector_l2_ops', '<->', 'simdgres_index_l2', true),
                              ('vector_cosine_ops', '<=>', 'simdgres_index_cosine', false),
                              ('vector_ip_ops', '<#>', 'simdgres_index_ip', false))
            AS classes (name, operator, support, is_default)
    LOOP
        SELECT format('%I.%s', n.nspname, o.oprname) INTO STRICT operator
            FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
            WHERE o.oprname = class.operator AND o.oprleft = 'vector'::regtype AND o.oprright = 'vector'::regtype;
        EXECUTE format('CREATE OPERATOR CLASS %I %s FOR TYPE vector USING simdgres AS '
                       'OPERATOR 1 %s (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 (vector, vector) %I()',
                       class.name, CASE WHEN class.is_default THEN 'DEFAULT' ELSE '' END,
                       operator, class.support);
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
