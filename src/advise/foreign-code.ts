/** What PostgreSQL itself has; its own objects stay below this number for good. */
const firstNormalOid = 16384

/** Members of pgvector and of this extension, of a language that only superusers define functions in. */
const isOfExtension = `EXISTS (
    SELECT FROM pg_depend m JOIN pg_extension x ON m.refclassid = 'pg_extension'::regclass AND x.oid = m.refobjid
     WHERE m.classid = d.refclassid AND m.objid = d.refobjid AND m.deptype = 'e' AND x.extname IN ('vector', 'simdgres'))`
const isNative = (procedure: string) => `EXISTS (
    SELECT FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.oid = ${procedure} AND l.lanname IN ('c', 'internal'))`

/**
 * For the columns `c` of pg_class: functions, operators and types of others that a search of the table may run with the rights of
 * whoever asks, each with what names it. Searching runs the expression and the condition of an index that it uses, and policies. Planning
 * computes what is constant of every index, of expressions in statistics, and of checks where constraint_exclusion is on, in the table
 * and in those that inherit from it. An owner who is no superuser runs nothing that ANALYZE would not run with the same rights.
 */
export const foreignCode = `
  WITH RECURSIVE read (oid) AS (
    SELECT c.oid UNION SELECT h.inhrelid FROM pg_inherits h JOIN read ON h.inhparent = read.oid
  ), asked AS (
    SELECT r.oid FROM read JOIN pg_class r USING (oid) JOIN pg_roles o ON o.rolname = current_user
     WHERE r.relowner <> o.oid OR o.rolsuper
  ), runs (classid, objid) AS (
    SELECT 'pg_class'::regclass, i.indexrelid FROM asked JOIN pg_index i ON i.indrelid = asked.oid
    UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid FROM asked JOIN pg_statistic_ext s ON s.stxrelid = asked.oid
    UNION ALL SELECT 'pg_policy'::regclass, p.oid FROM asked JOIN pg_policy p ON p.polrelid = asked.oid
               WHERE row_security_active(asked.oid)
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM asked JOIN pg_constraint k ON k.conrelid = asked.oid
               WHERE k.contype = 'c' AND current_setting('constraint_exclusion') = 'on'
  )
  SELECT DISTINCT format('%s of %s', pg_describe_object(d.refclassid, d.refobjid, 0), pg_describe_object(d.classid, d.objid, 0))
    FROM runs JOIN pg_depend d USING (classid, objid)
   WHERE d.refobjid >= ${firstNormalOid} AND CASE d.refclassid
     WHEN 'pg_proc'::regclass THEN NOT (${isOfExtension} AND ${isNative('d.refobjid')})
     WHEN 'pg_operator'::regclass THEN NOT (${isOfExtension} AND ${isNative('(SELECT oprcode FROM pg_operator WHERE oid = d.refobjid)')})
     WHEN 'pg_type'::regclass THEN NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = d.refobjid
       AND (t.typtype = 'e' OR t.typtype = 'b' AND ${isOfExtension}))
     WHEN 'pg_class'::regclass THEN d.classid = 'pg_policy'::regclass
       AND d.refobjid <> (SELECT polrelid FROM pg_policy WHERE oid = d.objid)
     ELSE false END
   ORDER BY 1`
