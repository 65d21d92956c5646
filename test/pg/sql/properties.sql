-- What the planner is told. A function that is missing here has lost its test too.
SELECT p.oid::regprocedure AS function, prorettype::regtype AS returns, provolatile AS volatile,
       proisstrict AS strict, proparallel AS parallel, procost AS cost
  FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'simdgres'
  ORDER BY p.oid::regprocedure::text COLLATE "C";

-- The index, its operator classes and what they search by; nothing else belongs to it.
-- Of a row type some versions name its relation and its array as well.
SELECT DISTINCT regexp_replace(pg_describe_object(d.classid, d.objid, d.objsubid), '^composite ', '') COLLATE "C" AS object
  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'simdgres'
  WHERE d.deptype = 'e' AND d.classid <> 'pg_proc'::regclass
    AND pg_describe_object(d.classid, d.objid, d.objsubid) NOT LIKE '%[]' ORDER BY object;
